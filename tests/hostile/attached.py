# SPDX-License-Identifier: Apache-2.0
"""Programs that are attached to and left, again and again, whatever they do meanwhile."""
import os
import subprocess
import time

from table import installed, need, row, run_group
import harness as h
import imports
from attaching import Attached, mapped

SHORT, LONG = 3, 40
LOSSES = ("unknown_frees", "forked_children", "imports_missed", "dropped", "replaced_blocks", "damaged_records")
SAID = {"load": ("imports_missed",), "fork": ("forked_children",), "spawn": ("forked_children",), "wait": ("forked_children",)}


def left_as_it_was(pid, before, name, passing=()):
    """No place leads into what is ours, and each that was there before holds what it held, or what the loader has bound since.

    `passing`: modules that come and go, which may be read while the loader fills them in."""
    after = imports.imports(pid)
    h.equal(imports.leads_into(pid, "libmemprof-preload", after), [], f"{name}: no import leads into the recorder")
    both = [k for k in before.keys() & after.keys() if k[0] not in map(os.path.realpath, passing)]
    h.check(len(both) > 20, f"{name}: {len(both)} imports were there before and are there after")
    changed = [k for k in both if before[k] != after[k] and not imports.lies_in(pid, before[k], k[0])]
    h.equal(changed, [], f"{name}: imports are as they were")
    h.equal(mapped(pid, "memfd:memprof"), 0, f"{name}: no segment is left")
    h.equal(descriptors(pid), [], f"{name}: no file of ours is open")


def descriptors(pid):
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            to = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if "memprof" in to and h.scratch not in to and h.BUILD not in to:
            found.append(to)
    return found


def cycle(pid, name, *options, pause=0.2, said=()):
    """Blocks that were recorded; None: it was not.  `said`: what the report may say is lost."""
    attached = Attached(pid, "--leak-check=no", *options)
    if not h.check(attached.begun, f"{name}: attached: {attached.first!r}"):
        return None
    time.sleep(pause)
    done = attached.interrupt()
    h.equal(done.status, 0, f"{name}: status ({done.err[-300:]!r})")
    h.check("still" not in done.err and "stays" not in done.err, f"{name}: is left cleanly: {done.err[-300:]!r}")
    lost = [k for k in LOSSES if done.doc["loss"][k] and k not in said]
    h.equal(lost, [], f"{name}: nothing is lost")
    return done.doc["totals"]["total_blocks"]


class Busy:
    """tests/targets/busy.c"""

    def __init__(self, way, *arguments):
        need(os.path.exists(h.target("busy")), "busy is not built")
        self.child = subprocess.Popen([h.target("busy"), way, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = int(self.child.stdout.readline().partition("=")[2])

    def sound(self, name):
        out, _ = self.child.communicate(timeout=120)
        said = h.stated(out)
        h.equal((self.child.returncode, said.get("wrong")), (0, 0), f"{name}: all is as it should be")
        h.check(said.get("rounds", 0) > 0, f"{name}: it did something")


def busy(way, cycles, *arguments):
    program = Busy(way, *arguments)
    before = imports.imports(program.pid)
    # of what comes and goes all the time some may be gone before it is redirected
    blocks = [cycle(program.pid, f"{way} {i}", said=SAID.get(way, ())) for i in range(cycles)]
    h.check(sum(filter(None, blocks)) > 0, f"{way}: blocks are recorded")
    left_as_it_was(program.pid, before, way, passing=arguments)
    program.sound(way)
    return f"{cycles} times, {sum(filter(None, blocks))} blocks"


def ways(long):
    plugins = [h.target("swap-plugin-1.so"), h.target("swap-plugin-2.so")]
    for way, what, arguments in (("crowd", "500 threads", ()), ("churn", "threads made and ending all the time", ()),
                                 ("fork", "children forked all the time", ()), ("spawn", "children by posix_spawn all the time", ()),
                                 ("load", "libraries loaded and unloaded all the time", plugins),
                                 ("signals", "SIGPROF at 1 kHz on stacks of their own", ()),
                                 ("wait", "threads that wait in system calls of many kinds", ()),
                                 ("earlier", "blocks of all functions, made before, between and meanwhile", ())):
        row("attached", what + (f", {LONG} times" if long else ""), long=long)(
            lambda way=way, arguments=arguments: busy(way, LONG if long else SHORT, *arguments))


ways(False)
ways(True)

FAMILY = """
import os, sys
def work():
    return len([str(i) * 100 for i in range(20000)])
print("ready", flush=True)
sys.stdin.readline()
pid = os.fork()
if pid == 0:
    while os.read(3, 1) == b"w":
        work()
        print("worked", flush=True)
    os._exit(7)
print(pid, flush=True)
for line in sys.stdin:
    print(work(), flush=True)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@row("attached", "a child of a program that is recorded, which goes on to be")
def child():
    python = installed("/usr/bin/python3", "python3")
    reads, writes = os.pipe()
    parent = subprocess.Popen([python, "-c", "import os, sys; os.dup2(int(sys.argv[1]), 3)\n" + FAMILY, str(reads)], pass_fds=(reads,),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(text):
        parent.stdin.write(text + "\n")
        parent.stdin.flush()
        return parent.stdout.readline().strip()

    parent.stdout.readline()
    of_parent = Attached(parent.pid, "--leak-check=no")
    h.check(of_parent.begun, f"the parent: {of_parent.first!r}")
    pid = int(say("fork"))
    for i in range(2):
        of_child = Attached(pid, "--leak-check=no")
        if h.check(of_child.begun, f"the child {i}: {of_child.first!r}"):
            os.write(writes, b"w" * 3)
            h.equal([parent.stdout.readline() for _ in range(3)], ["worked\n"] * 3, f"the child {i} works")
            done = of_child.interrupt()
            h.check(done.status == 0 and done.doc["totals"]["total_blocks"] > 1000, f"the child {i}: {done.err[-300:]!r}")
        h.equal(imports.leads_into(pid, "libmemprof-preload"), [], f"the child {i}: no import leads into the recorder")
    h.equal(say("work"), "20000", "the parent goes on")
    done = of_parent.interrupt()
    h.check(done.doc["totals"]["total_blocks"] > 1000, f"the parent was recorded all the while: {done.doc['totals']}")
    h.equal(done.doc["loss"]["forked_children"], 1, "the child is said")
    os.close(writes)
    os.close(reads)
    out, _ = parent.communicate(timeout=60)
    h.equal((out.strip(), parent.returncode), ("7", 0), "both end as they would")


if __name__ == "__main__":
    run_group()
