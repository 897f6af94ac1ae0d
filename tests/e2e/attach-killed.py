# SPDX-License-Identifier: Apache-2.0
"""memprof is killed at each stage of attaching and of detaching: the program runs on, and can be
attached to again.

A stage is a call of ptrace, which tests/tools/kill-preload.c counts.  With MEMPROF_LONG_TESTS set
each of them is the last once, else every few.
"""
import os
import signal
import time

import harness as h
from attaching import Attached, Program, mapped

h.need("attached", "swap-plugin-1.so", "swap-plugin-2.so")
PRELOAD = os.path.join(h.BUILD, "tests/tools/kill-preload.so")
if not os.path.exists(PRELOAD):
    h.skip("kill-preload.so is not built")
LONG = "MEMPROF_LONG_TESTS" in os.environ
SAMPLES = 7
WHEN, COUNT = os.path.join(h.scratch, "when"), os.path.join(h.scratch, "count")
kills = 0


def environment(**more):
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {**os.environ, "LD_PRELOAD": PRELOAD, "ASAN_OPTIONS": options, **more}


def unheld(program, name):
    """It has no tracer any more, and no thread of it stands still for one."""
    for _ in range(2000):
        states = []
        for task in os.listdir(f"/proc/{program.pid}/task"):
            with open(f"/proc/{program.pid}/task/{task}/status", encoding="utf-8") as f:
                text = f.read()
            states.append("TracerPid:\t0\n" in text and "State:\tt" not in text)
        if all(states):
            return True
        time.sleep(0.01)
    return h.check(False, f"{name}: it is held no longer")


def goes_on(program, name):
    """What it does afterwards, and that another memprof records it as ever."""
    unheld(program, name)
    h.equal(program.child.poll(), None, f"{name}: it runs")
    if not h.equal((program.obey("w"), program.obey("t")), ("w", "t"), f"{name}: it works"):
        return False
    again = Attached(program.pid, "--leak-check=no")
    if not h.check(again.begun, f"{name}: attached again: {again.first!r}"):
        again.child.kill()
        return False
    before = program.stated()["total_blocks"]
    program.obey("t")
    again.interrupt()
    h.equal(again.status, 0, f"{name}: left again: {again.err[-300:]!r}")
    h.equal(again.doc["totals"]["total_blocks"] if again.doc else None, program.stated()["total_blocks"] - before, f"{name}: recorded again")
    program.obey("g")
    h.equal((program.said["malloc_from"], mapped(program.pid, "memfd")), (plainly, 0), f"{name}: left again as it was")
    return True


def killed_attaching(program, n):
    global kills
    attached = Attached(program.pid, "--leak-check=no", env=environment(KILL_AT=str(n)))
    if attached.begun: # fewer calls this time
        return attached.interrupt().status == 0
    attached.finished()
    kills += 1
    h.equal(attached.status, -signal.SIGKILL, f"attaching, call {n}: memprof's end")
    return goes_on(program, f"attaching, call {n}")


def killed_detaching(program, n):
    global kills
    if os.path.exists(WHEN):
        os.unlink(WHEN)
    attached = Attached(program.pid, "--leak-check=no", env=environment(KILL_AT=str(n), KILL_WHEN=WHEN))
    if not h.check(attached.begun, f"detaching, call {n}: {attached.first!r}"):
        return False
    program.obey("w")
    open(WHEN, "w", encoding="ascii").close()
    attached.interrupt()
    if attached.status == 0:
        return True
    kills += 1
    h.equal(attached.status, -signal.SIGKILL, f"detaching, call {n}: memprof's end")
    return goes_on(program, f"detaching, call {n}")


def end(program):
    """How it ends; a system call that is always ended by a signal (epoll_wait) may be by a kill."""
    program.obey("i")
    h.check(int(program.said["interrupted"]) <= kills, f"system calls that failed with EINTR: {program.said['interrupted']} with {kills} kills")
    h.equal(program.said["wrong_sums"], "0", "numbers of other threads")
    h.equal(program.end(), 0, "its end")


def calls(program, detaching):
    """How many calls of ptrace there are, at present."""
    for file in (WHEN, COUNT):
        if os.path.exists(file):
            os.unlink(file)
    when = {"KILL_WHEN": WHEN} if detaching else {}
    attached = Attached(program.pid, "--leak-check=no", env=environment(KILL_COUNT=COUNT, **when))
    h.check(attached.begun, f"counted: {attached.first!r}")
    if detaching:
        open(WHEN, "w", encoding="ascii").close()
        attached.interrupt()
    with open(COUNT, encoding="ascii") as f:
        number = int(f.read())
    if not detaching:
        attached.interrupt()
    h.equal(attached.status, 0, "counted: status")
    return number


for detaching, kill in ((False, killed_attaching), (True, killed_detaching)):
    program = Program()
    program.obey("g")
    plainly = program.said["malloc_from"]
    # the first has the library loaded, which takes more calls
    total = calls(program, detaching)
    h.check(total > 20, f"calls of ptrace: {total}")
    if not detaching:
        program.end()
        program = Program()
    step = 1 if LONG else max(1, total // SAMPLES)
    for n in range(1, total + 1, step):
        if not kill(program, n):
            break
        if not detaching: # a fresh one, into which the library has to be loaded
            end(program)
            program = Program()
    end(program)
    print(f"{'detaching' if detaching else 'attaching'}: killed at {kills} of {total} calls")
    kills = 0
h.finish()
