# SPDX-License-Identifier: Apache-2.0
"""Programs that run already are recorded, and left as they were.

With MEMPROF_LONG_TESTS set redis-server is attached to and left 200 times under load.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import harness as h
from attaching import TIMEOUT, Attached, Program, installed, mapped, memprof

h.need("attached", "own-malloc-exported", "swap-plugin-1.so", "swap-plugin-2.so")
LONG = "MEMPROF_LONG_TESTS" in os.environ

# What is recorded: what one thread and several that were there before do, and nothing else.
program = Program()
program.obey("g")
plainly = program.said["malloc_from"]
program.obey("w")
first = program.stated()
earlier = Attached(program.pid, "--leak-check=no")
if not h.check(earlier.begun, f"attached: {earlier.first!r}"):
    h.finish()
program.obey("g")
h.equal(program.said["malloc_from"], "libmemprof-preload.so", "imports are redirected")
program.obey("w")
program.obey("t")
now = {k: v - first[k] for k, v in program.stated().items()}
done = earlier.interrupt()
h.equal(done.status, 0, "interrupted: status")
totals = done.doc["totals"]
for key in ("total_blocks", "total_bytes"):
    h.equal(totals[key], now[key], f"recorded: {key}")
h.equal(totals["live_blocks"], now["live_blocks"], "recorded: live_blocks")
h.equal(totals["live_bytes"], now["live_bytes"], "recorded: live_bytes")
h.equal(done.doc["loss"]["earlier_frees"], 8, "blocks from before, freed and moved")
h.equal(done.doc["loss"]["unknown_frees"], 0, "no free is a surprise")
h.equal(h.sums(done.doc, "worker")["total_blocks"], 400, "threads that were there before")
h.equal(done.doc["process"]["detached"], True, "JSON: detached")
h.check(done.doc["process"]["attached_seconds"] > 0, "JSON: how old it was")
h.check("was recorded for" in done.err and "then memprof detached" in done.err, f"summary: {done.err[:200]!r}")
h.check("8 blocks that were allocated before attach were freed or moved" in done.err, f"summary: {done.err!r}")
h.equal(mapped(program.pid, "memprof-segment") + mapped(program.pid, "memfd"), 0, "the segment is gone")
h.check(mapped(program.pid, "libmemprof-preload") > 0, "the library stays")

program.obey("g")
h.equal(program.said["malloc_from"], plainly, "imports are as they were")

# Again, and by memprof detach; libraries loaded meanwhile; nothing is seen in between.
program.obey("w")
again = Attached(program.pid, "--leak-check=no")
h.check(again.begun, f"attached again: {again.first!r}")
program.obey("p")
h.check("failed" not in program.said, f"libraries were loaded: {program.said.get('failed')}")
listed = memprof("list", "--json")
h.check(str(program.pid) in listed.stdout, f"list shows it: {listed.stdout!r}")
taken = memprof("snapshot", "-l", "middle", program.pid)
h.equal(taken.returncode, 0, f"snapshot: {taken.stderr!r}")
left = memprof("detach", program.pid)
again.finished()
h.equal((left.returncode, again.status), (0, 0), f"detach: {left.stderr!r}")
h.check(f"detached from attached (pid {program.pid})" in left.stdout and again.profile in left.stdout, f"detach says: {left.stdout!r}")
h.equal(h.sums(again.doc, "one_plugin")["total_bytes"], 1001, "a library that was loaded by its path")
h.equal(h.sums(again.doc, "two_plugin")["total_bytes"], 2002, "a library that was loaded by its name")
h.equal(h.sums(again.doc, "work")["total_blocks"], 0, "nothing from before")
h.equal(memprof("detach", program.pid).returncode, 3, "detach: nothing to detach from")

# Leaks: found, though what was allocated before is not known.  Freed memory may still point to
# some of them, never to none.
program.obey("i")
leaky = Attached(program.pid, "--leak-check=full")
program.obey("l")
found = memprof("leaks", "--json", program.pid)
h.equal(found.returncode, 0, f"leaks of a running one: {found.stderr!r}")
lost = json.loads(found.stdout)
definite = lost["leaks"]["definite"]
h.check(1 <= definite["blocks"] <= 3 and definite["bytes"] == 77 * definite["blocks"], f"leaks of a running one: {definite}")
h.check("allocated before memprof attached is not known" in str(lost["notes"]), f"leaks: says so: {lost['notes']}")
done = leaky.interrupt()
h.check(re.search("77 B in 1 block|154 B in 2 blocks|231 B in 3 blocks", done.err) and "definitely lost" in done.err,
        f"leaks at the end: {done.err!r}")
h.check("not known" in done.err, "leaks at the end: says so")

# A child is not recorded, and unharmed; a second memprof is refused.
parent = Attached(program.pid, "--leak-check=no")
program.obey("c")
h.equal(program.said["child"], "6", "a forked child")
second = memprof("attach", "--timeout", TIMEOUT, program.pid)
h.equal((second.returncode, second.stderr.count("\n")), (1, 1), f"a second memprof: {second.stderr!r}")
h.check("already" in second.stderr, f"a second memprof: {second.stderr!r}")
done = parent.interrupt()
h.equal(done.doc["loss"]["forked_children"], 1, "a forked child is said")

# memprof is killed: the program goes on, and can be attached to again.
killed = Attached(program.pid, "--leak-check=no")
program.obey("w")
killed.child.kill()
killed.finished()
program.obey("w")
program.obey("t")
next_one = Attached(program.pid, "--leak-check=no")
h.check(next_one.begun, f"after a killed memprof: {next_one.first!r}")
before = program.stated()
program.obey("t")
done = next_one.interrupt()
h.equal(done.doc["totals"]["total_blocks"], program.stated()["total_blocks"] - before["total_blocks"], "after a killed memprof")

# No system call of the program's has failed for our sake, and its registers are its own.
program.obey("i")
h.equal((program.said["interrupted"], program.said["wrong_sums"]), ("0", "0"), "system calls and numbers of other threads")

# It ends by itself, at exit with a search.
ending = Attached(program.pid)
program.obey("e", wait=False)
h.equal(program.child.wait(60), 3, "it ends as it would")
ending.finished()
h.equal(ending.status, 0, "it ended: status")
h.check("its end was not seen" in ending.err, f"it ended: {ending.err!r}")
h.equal(program.child.stderr.read(), b"", "it says nothing that it would not")

for letter, status in (("a", -signal.SIGABRT), ("x", 0)):
    program = Program()
    ending = Attached(program.pid)
    h.check(ending.begun, f"{letter}: {ending.first!r}")
    program.obey("w")
    program.obey(letter, wait=False)
    ending.finished()
    program.child.stdin.close()
    h.equal(ending.status, 0, f"{letter}: memprof's status")
    h.equal(ending.doc["totals"]["total_blocks"], program.stated()["total_blocks"], f"{letter}: all of it")
    if letter == "x":
        h.equal(ending.doc["process"]["executed"], True, "x: it executed another program")
    h.equal(program.child.wait(60), status, f"{letter}: how it ended")

# A malloc of its own: what libc calls is recorded.
own = Program("wait", name="own-malloc-exported")
attached = Attached(own.pid, "--leak-check=no")
h.check(attached.begun, f"own malloc: {attached.first!r}")
own.child.stdin.close()
attached.finished()
h.equal(own.child.wait(60), 5, "own malloc: status")
h.equal(h.sums(attached.doc, "by_libc")["total_blocks"], 12, "own malloc: what libc calls")
h.equal(attached.doc["process"]["own_malloc"], True, "own malloc: said")

# A library that crashes when it is loaded, or that the loader refuses: the program's handlers
# are its own, the loader goes on, and what happened is said.
no_library = os.path.join(h.scratch, "needs-more.so")
subprocess.run(["gcc", "-shared", "-x", "c", "-o", no_library, "-", "-Wl,-z,now"], input="extern int absent(void); int memprof_attachment; int memprof_attach(void) { return absent(); }"
                     "void memprof_detach(void) {} void memprof_release(void) {}\n",
               text=True, check=True)
for name, library, words in (("crashing", os.path.join(h.BUILD, "tests/tools/crashing-preload.so"), "raised SIGSEGV in process .*install memprof again"),
                             ("unresolved", no_library, "cannot load the recorder: .*undefined symbol: absent")):
    program = Program()
    program.obey("h")
    program.obey("w")
    said = subprocess.run([os.path.join(installed(name, library), "memprof"), "attach", str(program.pid)], capture_output=True, text=True, timeout=120)
    h.equal((said.returncode, said.stderr.count("\n")), (1, 1), f"{name}: {said.stderr!r}")
    h.check(re.search(words, said.stderr), f"{name}: says so: {said.stderr!r}")
    program.obey("s")
    h.equal((program.said["handled"], program.said["loaded"]), ("2", "1"), f"{name}: handlers and loader")
    program.obey("t")
    after = Attached(program.pid, "--leak-check=no")
    h.check(after.begun, f"{name}: a sound one afterwards: {after.first!r}")
    program.obey("w")
    h.equal(after.interrupt().status, 0, f"{name}: a sound one afterwards")
    program.obey("i")
    h.equal((program.said["interrupted"], program.said["wrong_sums"]), ("0", "0"), f"{name}: system calls and numbers")
    h.equal(program.end(), 0, f"{name}: its end")


# The loader's words are kept for the thread that called it, which is in a handler of a signal by
# then: that came while it was held back, of a library that was loaded first.
relocated = os.path.join(h.scratch, "first.so")
subprocess.run(["gcc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "-o", relocated, "-"], text=True, check=True, input="""
static long call(long n, long a, long b, long c)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
static void nothing(void) {}
/* resolved while the loader relocates */
static void *resolve(void) { call(234, call(39, 0, 0, 0), call(186, 0, 0, 0), 10); return nothing; }
void there(void) __attribute__((ifunc("resolve")));
void (*used)(void) = there;
""")
needs_first = os.path.join(h.scratch, "needs-first.so")
subprocess.run(["gcc", "-shared", "-x", "c", "-o", needs_first, "-", "-Wl,-z,now", "-Wl,--no-as-needed", "-x", "none", relocated], text=True, check=True,
               input="extern int absent(void); int memprof_attachment; int memprof_attach(void) { return absent(); }"
                     "void memprof_detach(void) {} void memprof_release(void) {}\n")
program = Program()
program.obey("u")
said = subprocess.run([os.path.join(installed("words", needs_first), "memprof"), "attach", str(program.pid)], capture_output=True, text=True, timeout=120)
h.check("cannot load the recorder: " in said.stderr and "undefined symbol: absent" in said.stderr, f"the loader's words: {said.stderr!r}")
program.obey("w")
program.obey("i")
h.equal((program.said["wrong_sums"], program.end()), ("0", 0), "the loader's words: it goes on")

# No thread at a safe point: Ctrl-C need not wait for the time limit.
handling = os.path.join(h.scratch, "handling")
subprocess.run(["gcc", "-x", "c", "-o", handling, "-"], text=True, check=True, input="""
#include <signal.h>
#include <unistd.h>
static void wait_here(int n) { (void)n; (void)!write(1, "x", 1); for (;;) pause(); }
int main(void) { signal(SIGUSR1, wait_here); raise(SIGUSR1); return 0; }
""")
with subprocess.Popen([handling], stdout=subprocess.PIPE) as waits:
    waits.stdout.read(1)
    for how in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([h.MEMPROF, "attach", "--timeout", "10m", str(waits.pid)], stderr=subprocess.PIPE, text=True) as run:
            while "TracerPid:\t0\n" in open(f"/proc/{waits.pid}/status", encoding="utf-8").read() and run.poll() is None:
                pass
            run.send_signal(how)
            said = run.communicate(timeout=120)[1]
            h.equal((run.returncode, said), (1, f"memprof: interrupted before process {waits.pid} was recorded\n"), f"{how!r} while attaching")
    h.equal(waits.poll(), None, "interrupted while attaching: it goes on")
    waits.kill()

# What cannot be attached to: one line, a status, and the process goes on.
def refused(pid, status, words, name, *options):
    said = memprof("attach", "--timeout", "500ms", *options, pid)
    h.equal(said.returncode, status, f"{name}: status ({said.stderr!r})")
    h.check(said.stderr.count("\n") == 1 and re.search(words, said.stderr), f"{name}: one line: {said.stderr!r}")


with subprocess.Popen(["true"]) as gone:
    gone.wait()
refused(gone.pid, 3, "there is no process", "no process")
if os.path.exists(h.target("attached-static")):
    static = Program(name="attached-static")
    refused(static.pid, 1, "statically linked", "static")
    h.equal(static.end(), 0, "static: it goes on")
if shutil.which("musl-gcc"):
    waits = os.path.join(h.scratch, "musl")
    subprocess.run(["musl-gcc", "-x", "c", "-o", waits, "-"], input="int pause(void); int main(void) { return pause(); }\n",
                   text=True, check=True)
    with subprocess.Popen([waits]) as musl:
        while "libc" not in open(f"/proc/{musl.pid}/maps").read() and musl.poll() is None:
            time.sleep(0.01)
        refused(musl.pid, 1, "built for musl", "musl")
        musl.kill()
h.equal(memprof("attach", "12x").returncode, 2, "no number")
h.equal(memprof("attach").returncode, 2, "no process named")
sleeper = subprocess.Popen(["sleep", "60"])
if os.geteuid() == 0 and shutil.which("setpriv"):
    other = subprocess.Popen(["setpriv", "--reuid", "65534", "--clear-groups", "sleep", "60"])
    while os.stat(f"/proc/{other.pid}").st_uid != 65534 and other.poll() is None:
        time.sleep(0.01)
    refused(other.pid, 5, "belongs to", "another user's")
    other.kill()
    other.wait()
if shutil.which("gdb"):
    gdb = subprocess.Popen(["gdb", "-q", "-nx", "-batch", "-ex", "shell sleep 20", "-p", str(sleeper.pid)],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and f"TracerPid:\t0\n" in open(f"/proc/{sleeper.pid}/status").read():
        time.sleep(0.1)
    refused(sleeper.pid, 1, "traced by another process", "a tracer")
    gdb.terminate()
    gdb.wait()
sleeper.kill()
sleeper.wait()
run = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", "/dev/null", "--", "sleep", "60"])
time.sleep(0.5)
for _ in range(100):
    listed = json.loads(memprof("list", "--json").stdout or "{}")
    pids = re.findall(r'"pid": (\d+)', json.dumps(listed))
    if pids:
        break
    time.sleep(0.1)
h.equal(memprof("detach", pids[0]).returncode, 6, "detach: started by memprof run")
os.kill(int(pids[0]), signal.SIGTERM)
run.wait(60)


# Real programs.
python = subprocess.Popen(["/usr/bin/python3", "-c", """
import time, json
deadline = time.monotonic() + 120
print("ready", flush=True)
input()
data = [json.dumps({"n": i, "text": "x" * i}) for i in range(2000)]
print(sum(map(len, data)), flush=True)
input()
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
python.stdout.readline()
attached = Attached(python.pid, "--leak-check=no")
h.check(attached.begun, f"python3: {attached.first!r}")
python.stdin.write("\n")
python.stdin.flush()
h.equal(python.stdout.readline().strip(), str(sum(len(json.dumps({"n": i, "text": "x" * i})) for i in range(2000))), "python3: its result")
done = attached.interrupt()
h.check(done.doc["totals"]["total_blocks"] > 1000, f"python3: {done.doc['totals']}")
h.equal(done.doc["loss"]["imports_missed"], 0, "python3: all imports")
python.communicate("\n", timeout=60)
h.equal(python.returncode, 0, "python3: status")


def redis(cycles):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--io-threads", "2", "--dir", h.scratch],
                              stdout=subprocess.DEVNULL)
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.1)
    # every reply is looked at: the number that INCR gives is one more each time
    teller = socket.create_connection(("127.0.0.1", port))
    replies = teller.makefile("rb")
    load = subprocess.Popen(["redis-benchmark", "-p", str(port), "-q", "-l", "-n", "20000", "-c", "10", "-r", "1000", "-t",
                             "set,get,lpush,hset"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    asked, seen, slowest = 0, 0, 0.0

    def ask():
        nonlocal asked
        teller.sendall(b"INCR told\r\n" * 20)
        for _ in range(20):
            asked += 1
            if not h.check(replies.readline() == b":%d\r\n" % asked, f"reply {asked}"):
                raise SystemExit

    for i in range(cycles):
        began = time.monotonic()
        attached = Attached(server.pid, "--leak-check=no", "--no-snapshot-at-peak")
        slowest = max(slowest, time.monotonic() - began)
        if not h.check(attached.begun, f"redis {i}: {attached.first!r}"):
            break
        ask()
        done = attached.interrupt()
        h.equal(done.status, 0, f"redis {i}: status {done.err[-300:]!r}")
        seen += done.doc["totals"]["total_blocks"]
        ask()
        if not h.equal((server.poll(), load.poll()), (None, None), f"redis {i}: server and load go on"):
            break
    h.check(seen > 0, "redis: blocks were recorded")
    h.equal(mapped(server.pid, "memfd"), 0, "redis: no segment is left")
    load.terminate()
    h.check(b"Error" not in load.communicate()[1], "redis: no error under load")
    teller.sendall(b"SHUTDOWN NOSAVE\r\n")
    h.equal(server.wait(60), 0, "redis: its end")
    print(f"redis-server: {cycles} times attached and left, {asked} replies looked at, {seen} blocks recorded, "
          f"attached within {slowest:.1f} s")


if shutil.which("redis-server") and shutil.which("redis-benchmark"):
    redis(200 if LONG else 3)
h.finish()
