# SPDX-License-Identifier: Apache-2.0
"""What cannot be attached to, or left: a line says why, the status is as documented, and the
program is unharmed: afterwards it does what it did, and where the reason is gone it is recorded.
"""
import os
import re
import shutil
import struct
import subprocess
import time

import harness as h
from attaching import OURS, Attached, Program, installed, mapped, memprof

h.need("attached", "swap-plugin-1.so", "swap-plugin-2.so")
ROOT = os.geteuid() == 0
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def refused(pid, status, words, name, *options, command=(h.MEMPROF,), env=None):
    said = subprocess.run([*command, "attach", "--timeout", "700ms", "-o", "/dev/null", *options, str(pid)], capture_output=True, text=True, timeout=120, env=env)
    h.equal(said.returncode, status, f"{name}: status ({said.stderr!r})")
    h.check(said.stderr.startswith("memprof: ") and said.stderr.count("\n") == 1 and re.search(words, said.stderr), f"{name}: one line: {said.stderr!r}")


def recorded(program, name, **options):
    done = Attached(program.pid, "--leak-check=no", **options)
    if h.check(done.begun, f"{name}: is recorded: {done.first!r}"):
        program.obey("w")
        h.check(done.interrupt().doc["totals"]["total_blocks"] >= 100, f"{name}: blocks")


def works(*command):
    return shutil.which(command[0]) and subprocess.run([*command, "true"], capture_output=True, timeout=20).returncode == 0


# What is no process, or none that could be meant.
refused(99999999, 3, "there is no process", "no process")
with subprocess.Popen(["true"]) as zombie:
    for _ in range(1000):
        if " Z " in open(f"/proc/{zombie.pid}/stat", encoding="utf-8").read():
            break
        time.sleep(0.01)
    refused(zombie.pid, 3, "has ended, though its parent has not noticed", "a zombie")
said = subprocess.run(["sh", "-c", f"exec {h.MEMPROF} attach $$"], capture_output=True, text=True, timeout=60)
h.equal((said.returncode, said.stderr.count("\n")), (1, 1), f"itself: {said.stderr!r}")
h.check("is this memprof itself" in said.stderr, f"itself: {said.stderr!r}")
if os.path.exists("/proc/2/stat") and "(kthreadd)" in open("/proc/2/stat", encoding="utf-8").read():
    refused(2, 1, "thread of the kernel", "a kernel thread")
program = Program()
thread = next(t for t in os.listdir(f"/proc/{program.pid}/task") if int(t) != program.pid)
refused(thread, 1, f"{thread} is a thread of process {program.pid}: name that", "a thread")
recorded(program, "the process of the thread")
program.sound("a thread's process")

# Filters of system calls, of one thread and of all, before and while it is recorded.
for letter in "kK":
    program = Program()
    program.obey(letter)
    if program.said["confined"] != "1":
        break
    refused(program.pid, 1, "confined itself by a filter of system calls", f"{letter}: confined")
    program.sound(f"{letter}: confined")
    program = Program()
    attached = Attached(program.pid, "--leak-check=no")
    h.check(attached.begun, f"{letter}: {attached.first!r}")
    program.obey("w")
    program.obey(letter)
    attached.interrupt()
    h.equal(attached.status, 0, f"{letter}: confined while recorded: {attached.err[-300:]!r}")
    h.equal("may make the system calls that leaving takes" in attached.err, letter == "K", f"{letter}: how it was left: {attached.err[-300:]!r}")
    program.obey("w")
    program.sound(f"{letter}: confined while recorded")

# Stopped, it stays stopped.
program = Program()
os.kill(program.pid, 19)


def stopped():
    """Whether it comes to stand still; what a tracer lets go of is woken to stop again, and on a busy machine not at once."""
    for _ in range(1000):
        if program.state() == "T":
            return True
        time.sleep(0.01)
    return False


h.check(stopped(), "stopped: it is")
attached = Attached(program.pid, "--leak-check=no")
h.check(attached.begun, f"stopped: {attached.first!r}")
h.check(stopped(), f"stopped: it stays so ({program.state()})")
attached.interrupt()
h.equal((attached.status, stopped()), (0, True), f"stopped: it stays so when it is left ({program.state()})")
os.kill(program.pid, 18)
program.obey("w")
program.sound("stopped")

# A thread in the kernel that cannot be stopped, behind vfork, and the child before it.
program = Program()
program.obey("v", wait=False)
child = int(program.read_until("vforked"))
began = time.monotonic()
refused(program.pid, 1, "could not be stopped: it waits for a child that it made by vfork", "behind vfork")
refused(child, 1, f"runs in the memory of its parent, process {program.pid}", "a child by vfork")
if time.monotonic() - began < 1.5: # else it is over
    recorded_meanwhile = Attached(program.pid, "--leak-check=no")
    h.check(recorded_meanwhile.begun, f"behind vfork: waits for its end: {recorded_meanwhile.first!r}")
    recorded_meanwhile.interrupt()
program.read_until("done")
recorded(program, "after vfork")
program.sound("behind vfork")

# Traced by another.
if shutil.which("strace"):
    program = Program()
    with subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(program.pid)], stderr=subprocess.DEVNULL) as strace:
        for _ in range(3000):
            if "TracerPid:\t0\n" not in open(f"/proc/{program.pid}/status", encoding="utf-8").read() or strace.poll() is not None:
                break
            time.sleep(0.01)
        if strace.poll() is None:
            refused(program.pid, 1, r"traced by another process, \d+ \(strace\)", "strace")
        strace.terminate()
    recorded(program, "after strace")
    program.end()

# 32 bits: an ELF file that does nothing but wait (pause, and again).
code = bytes.fromhex("b81d000000cd80ebf7")
header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, 0x08048054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
segment = struct.pack("<IIIIIIII", 1, 0, 0x08048000, 0x08048000, 84 + len(code), 84 + len(code), 5, 4096)
small = os.path.join(h.scratch, "small")
with open(small, "wb") as f:
    f.write(header + segment + code)
os.chmod(small, 0o755)
try:
    with subprocess.Popen([small]) as waits:
        refused(waits.pid, 1, "runs a 32-bit program", "32 bits")
        h.equal(waits.poll(), None, "32 bits: it goes on")
        waits.kill()
except OSError as e:
    print(f"no 32-bit programs here: {e}")

# A library that is cut off, or another one altogether: nothing is done to the process.
program = Program()
whole = installed("whole", OURS)
cut = installed("cut", OURS)
os.truncate(os.path.join(cut, ".libs/libmemprof-preload.so"), os.path.getsize(OURS) // 3)
refused(program.pid, 1, "is damaged or of another version: install memprof again", "a cut library", command=(os.path.join(cut, "memprof"),))
other = installed("other", h.target("swap-plugin-1.so"))
refused(program.pid, 1, "is damaged or of another version", "another library", command=(os.path.join(other, "memprof"),))
h.equal(mapped(program.pid, h.scratch), 0, "a cut library: nothing was loaded")

# The library is replaced while a process is recorded: it is left as ever.
program.obey("g")
plainly = program.said["malloc_from"]
attached = Attached(program.pid, "--leak-check=no", command=(os.path.join(whole, "memprof"),))
h.check(attached.begun, f"replaced: {attached.first!r}")
program.obey("w")
shutil.copy(h.target("swap-plugin-1.so"), os.path.join(whole, "new.so"))
os.rename(os.path.join(whole, "new.so"), os.path.join(whole, ".libs/libmemprof-preload.so"))
left = memprof("detach", program.pid)
attached.finished()
h.equal((left.returncode, attached.status), (0, 0), f"replaced: {left.stderr!r} {attached.err[-300:]!r}")
program.obey("g")
h.equal((program.said["malloc_from"], mapped(program.pid, "memfd")), (plainly, 0), "replaced: imports and memory are as they were")
recorded(program, "replaced: again by another memprof")
program.sound("replaced")

# Another root, another file in the library's place, another /tmp.
if ROOT and works("unshare", "-m"):
    apart = installed("apart", OURS)
    there = os.path.join(apart, ".libs")
    for name, command, words in (
            ("no library there", f"mount -t tmpfs none {there}", "does not see .*another root directory or container"),
            ("another file there", f"mount --bind {h.target('swap-plugin-1.so')} {there}/libmemprof-preload.so", "does not see .*another root directory or container"),
            ("another folder for sessions", f"mount -t tmpfs none {os.environ['MEMPROF_RUNTIME_DIR']}", "does not see .*MEMPROF_RUNTIME_DIR")):
        os.makedirs(os.environ["MEMPROF_RUNTIME_DIR"], mode=0o700, exist_ok=True)
        program = Program(before=("unshare", "-m", "sh", "-c", command + ' && exec "$@"', "sh"))
        refused(program.pid, 1, words, name, command=(os.path.join(apart, "memprof"),))
        program.sound(name)
    jail = os.path.join(h.scratch, "jail")
    if os.path.exists(h.target("attached-static")):
        os.makedirs(jail)
        shutil.copy(h.target("attached-static"), jail)
        with subprocess.Popen(["chroot", jail, "/attached-static"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as jailed:
            jailed.stdout.readline()
            refused(jailed.pid, 1, "does not see .*another root directory or container", "chroot")
            jailed.stdin.close()
            h.equal(jailed.wait(60), 0, "chroot: it goes on")

# Without root's rights.
os.chmod(h.scratch, 0o755)
if ROOT and works(*AS_NOBODY) and subprocess.run([*AS_NOBODY, h.MEMPROF, "--version"], capture_output=True).returncode == 0 \
        and subprocess.run([*AS_NOBODY, "test", "-x", h.target("attached")]).returncode == 0:
    home = os.path.join(h.scratch, "nobody")
    os.makedirs(os.path.join(home, "lib"))
    os.chmod(home, 0o700)
    os.chown(home, 65534, 65534)
    env = {**os.environ, "MEMPROF_RUNTIME_DIR": os.path.join(home, "sessions")}
    libc = re.search(r"\s(/\S*/libc\.so\.6)\b", open("/proc/self/maps", encoding="utf-8").read())
    hidden = subprocess.Popen([*AS_NOBODY, "/usr/bin/python3", "-c", "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print(flush=True); time.sleep(60)"],
                              stdout=subprocess.PIPE)
    hidden.stdout.readline()
    refused(hidden.pid, 1, "does not let memprof stop process .*ptrace: .*(forbids it by prctl|yama)", "prctl(PR_SET_DUMPABLE, 0)", command=(*AS_NOBODY, h.MEMPROF), env=env)
    h.equal(hidden.poll(), None, "prctl: it goes on")
    hidden.kill()
    hidden.wait()
    hidden.stdout.close()
    if libc:
        copy = os.path.join(home, "lib/libc.so.6")
        shutil.copy(os.path.realpath(libc[1]), copy)
        program = Program(before=AS_NOBODY, env={**env, "LD_LIBRARY_PATH": os.path.join(home, "lib")})
        mine = installed("nobody/mine", OURS)
        command = [*AS_NOBODY, os.path.join(mine, "memprof"), "attach", "--timeout", "60s", "--leak-check=no", "-o", os.path.join(home, "x.mprof"), str(program.pid)]
        # the second time the library that took the place of the first is loaded beside it
        for file in (os.path.join(mine, ".libs/libmemprof-preload.so"), copy):
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as run:
                first = run.stderr.readline()
                h.check("recording process" in first, f"nobody: it is recorded: {first!r}")
                shutil.copy(file, file + ".new")
                os.rename(file + ".new", file)
                program.obey("w")
                refused(program.pid, 1, "is being recorded already|was replaced or removed since", "nobody: a second memprof",
                        command=(*AS_NOBODY, os.path.join(mine, "memprof")), env=env)
                run.terminate()
                err = run.stderr.read()
                h.equal(run.wait(60), 0, f"nobody: {file} was replaced: {err[-300:]!r}")
                h.check("recorder" not in err and re.search(r"\b100 blocks|103 blocks", err), f"nobody: recorded, and left as it was: {err!r}")
            h.equal(mapped(program.pid, "memfd"), 0, "nobody: no segment is left")
        refused(program.pid, 1, r"runs /\S*/libc.so.6, which was replaced or removed since: start the program again", "nobody: libc was replaced before",
                command=(*AS_NOBODY, os.path.join(mine, "memprof")), env=env)
        program.obey("w")
        program.sound("nobody")

h.finish()
