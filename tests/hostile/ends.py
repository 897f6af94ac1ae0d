# SPDX-License-Identifier: Apache-2.0
"""Ends of the program, and of memprof under it: the profile opens and has all that was done until then."""
import os
import random
import signal
import struct
import subprocess
import sys
import time

from table import NotMade, built, exact, memprof, opened, record, row, run_group
import harness as h

STATUS = {"abort": 128 + signal.SIGABRT, "throw": 128 + signal.SIGABRT, "segv": 128 + signal.SIGSEGV, "term": 128 + signal.SIGTERM,
          "kill": 128 + signal.SIGKILL, "limit": 128 + signal.SIGABRT, "term-inside": 128 + signal.SIGALRM}
SLOTS, SLOT = 128, struct.Struct("<6Q80x")
pages = 0


def counting(images=1):
    """A file for what `counted` counts."""
    global pages
    pages += 1
    path = os.path.join(h.scratch, f"counts{pages}")
    with open(path, "wb") as f:
        f.truncate(images * SLOTS * SLOT.size)
    return path


def check_counts(path, run, file, what, image=0):
    """The profile opens, and has what the program has done, and at most what it had begun."""
    done = opened(run, file)
    with open(path, "rb") as f:
        f.seek(image * SLOTS * SLOT.size)
        counts = [sum(column) for column in zip(*SLOT.iter_unpack(f.read(SLOTS * SLOT.size)))]
    begun, finished, begun_bytes, finished_bytes, frees_begun, frees = counts
    seen = h.sums(done.doc, "counted")
    h.check(finished > 0, f"{what}: it did something")
    h.check(finished <= seen["total_blocks"] <= begun, f"{what}: {seen['total_blocks']} blocks, {finished} done, {begun} begun")
    h.check(finished_bytes <= seen["total_bytes"] <= begun_bytes, f"{what}: {seen['total_bytes']} bytes, {finished_bytes} done, {begun_bytes} begun")
    h.check(finished - frees_begun <= seen["live_blocks"] <= begun - frees,
            f"{what}: {seen['live_blocks']} live blocks, {finished - frees_begun} to {begun - frees} by its count")
    h.check_no_loss(done, what)
    return begun - finished


def way(name, how, threads=(0, 3)):
    @row("ends", name)
    def end():
        built("counted")
        open_calls = []
        for count in threads:
            path = counting()
            run, file = record([h.target("counted"), path, how, str(count)])
            h.equal(run.returncode, STATUS.get(how, 7), f"{how}, {count} threads: status ({run.stderr[-200:]!r})")
            open_calls.append(check_counts(path, run, file, f"{how}, {count} threads"))
        return f"with {', '.join(map(str, threads))} threads beside it; calls that were not finished: {', '.join(map(str, open_calls))}"


way("return from main", "return")
way("exit", "exit")
way("_exit", "_exit")
way("quick_exit", "quick_exit")
way("abort", "abort")
way("uncaught C++ exception", "throw")
way("SIGSEGV", "segv")
way("SIGTERM with the default action", "term")
way("SIGKILL", "kill")
way("a signal inside malloc", "term-inside", (0, 0, 0, 3))
way("exit inside a signal handler", "exit-in-handler", (0, 0, 0, 3))
way("exit from a thread while others allocate", "exit-in-thread", (3, 3, 3))
way("out of memory by RLIMIT_AS", "limit", (0,))
way("threads cancelled inside malloc", "cancel", (0, 1))


@row("ends", "pthread_exit in main, exit in another thread")
def threads_end():
    for how, status in (("other-thread", 7), ("main-thread", 0)):
        h.check_no_loss(exact([h.target("ends"), how], status), how)


@row("ends", "the C++ runtime's words on an uncaught exception")
def uncaught():
    built("cxx-uncaught")
    done = exact([h.target("cxx-uncaught")], 128 + signal.SIGABRT)
    h.check("uncaught: on purpose" in done.err, f"{done.err[:200]!r}")


def memory_cgroups():
    """Where the hierarchy with the memory controller is mounted, and the file for a group's limit."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            mount, _, kind = line.partition(" - ")
            if kind.startswith("cgroup ") and "memory" in kind.split()[2].split(","):
                yield mount.split()[4], "memory.limit_in_bytes"
            elif kind.startswith("cgroup2 "):
                yield mount.split()[4], "memory.max"


def make_cgroup(limit):
    """A new memory cgroup with a limit; its folder."""
    reason = "no memory cgroup is mounted"
    for top, file in memory_cgroups():
        folder = os.path.join(top, f"memprof-test-{os.getpid()}")
        try:
            os.mkdir(folder)
        except OSError as e:
            reason = str(e)
            continue
        try:
            with open(os.path.join(folder, file), "w", encoding="ascii") as f:
                f.write(str(limit))
            return folder
        except OSError as e:
            reason = str(e)
            os.rmdir(folder)
    raise NotMade(reason)


def remove_cgroup(folder):
    for _ in range(100):  # what was killed in it may take a moment to be gone
        try:
            os.rmdir(folder)
            return
        except OSError:
            time.sleep(0.1)


def oom_killed(folder):
    enter = f"echo $$ >{folder}/cgroup.procs && exec"
    path = counting()
    run, file = record(["sh", "-c", f"{enter} {h.target('counted')} {path} grow"])
    h.equal(run.returncode, 128 + signal.SIGKILL, f"killed by the kernel ({run.stderr[-200:]!r})")
    check_counts(path, run, file, "the program in the group")
    path, file = counting(), os.path.join(h.scratch, "both.mprof")
    run = subprocess.run(["sh", "-c", f"{enter} {h.MEMPROF} run -o {file} -- {h.target('counted')} {path} grow"], capture_output=True,
                         text=True, timeout=300)
    h.check(run.returncode in (128 + signal.SIGKILL, -signal.SIGKILL), f"killed by the kernel: {run.returncode} ({run.stderr[-200:]!r})")
    if run.returncode < 0:  # memprof itself: what was written until then opens
        opened(run, file)
        return "with both in the group, memprof was killed"
    check_counts(path, run, file, "both in the group")
    return "with both in the group, the program was killed"


@row("ends", "OOM-kill in a memory cgroup, of the program and of both")
def cgroup():
    built("counted")
    folder = make_cgroup(150 << 20)
    try:
        return oom_killed(folder)
    finally:
        remove_cgroup(folder)


@row("ends", "SIGKILL from outside")
def killed():
    built("counted")
    for delay in ("0", "0.05", "0.2"):
        path = counting()
        # from when it counts
        kill = f"while ! grep -qaP '[^\\x00]' {path}; do sleep 0.01; done; sleep {delay}; kill -9 $$"
        run, file = record(["sh", "-c", f"{{ {kill}; }} & exec {h.target('counted')} {path} forever 2"])
        h.equal(run.returncode, 128 + signal.SIGKILL, "killed")
        check_counts(path, run, file, f"after {delay} s")


@row("ends", "exec over itself")
def exec_self():
    built("counted")
    path = counting(4)
    run, file = record([h.target("counted"), path, "again4", "1"])
    h.equal(run.returncode, 7, "status")
    files = [file[:-len("mprof")] + f"{i}.mprof" for i in (1, 2, 3)] + [file]
    for i, f in enumerate(files):
        check_counts(path, run, f, f"image {i + 1}", 3 - i)


def loses(name, way_out, status):
    @row("ends", name)
    def end():
        run, file = record([h.target("ways-out"), way_out])
        h.equal(run.returncode, status, "status")
        h.equal(h.sums(opened(run, file).doc, "lose")["total_blocks"], 2, "what it allocated")


loses("exit in an exit handler", "exit_in_exit_handler", 9)
loses("stack overflow", "stack_overflow", 128 + signal.SIGSEGV)


def kill_hosts(times):
    """Its output and status are what they are alone, each time; the file opens if memprof had made it."""
    rng = random.Random(7)
    scale = h.target("scale")
    alone = subprocess.run([scale, "events", "3000000"], capture_output=True, text=True, timeout=300).stdout
    early = late = profiles = 0
    for i in range(times):
        file = os.path.join(h.scratch, f"host{i}.mprof")
        host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--snapshot-every", "20ms", "--", "sh", "-c",
                                 f"echo begun; {scale} events 1000; {scale} events 3000000; echo status $?"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        first = host.stdout.readline() if i % 5 else ""  # every fifth at any moment, also before the program begins
        time.sleep(rng.random() * 0.3)
        late += host.poll() is not None
        host.kill()
        out = first + host.communicate(timeout=300)[0]
        early += out == ""
        h.check(out == "" or out.endswith(alone + "status 0\n"), f"host killed, {i}: {out!r}")
        if os.path.exists(file):
            run = memprof("stat", file)
            profiles += 1
            h.equal(run.returncode, 0, f"host killed, {i}: its file opens: {run.stderr.strip()}")
            os.unlink(file)
    h.check(early <= times // 5 and profiles > 0, f"most were killed while the program ran: {early} before, {late} after")
    return f"{times} times: {early} before the program began, {late} after its end, {profiles} profiles opened"


@row("memprof", "killed at 10 random moments")
def host_short():
    return kill_hosts(10)


@row("memprof", "killed at 200 random moments", long=True)
def host_long():
    return kill_hosts(200)


def state(pid):
    """S: the process sleeps."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rpartition(")")[2].split()[0]


@row("memprof", "stopped for a while, then killed")
def host_stopped():
    file, ready = os.path.join(h.scratch, "stopped.mprof"), os.path.join(h.scratch, "stopped.ready")
    code = f"print(__import__('os').getpid(), flush=True)\nfor i in range(3000000):\n x = bytes(600)\n if i == 3000: open({ready!r}, 'w')\nprint('whole')"
    host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--", "/usr/bin/python3", "-S", "-c", code], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "PYTHONMALLOC": "malloc"})
    pid = int(host.stdout.readline())
    while not os.path.exists(ready):
        time.sleep(0.001)
    host.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 60
    while state(pid) != "S" and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    h.equal(state(pid), "S", "the program waits, as long as memprof lives")
    host.kill()
    h.equal(host.communicate(timeout=60)[0], "whole\n", "its output")


if __name__ == "__main__":
    run_group()
