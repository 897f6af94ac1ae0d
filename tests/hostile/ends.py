# SPDX-License-Identifier: Apache-2.0
"""Ends of the program, and of memprof under it: the profile opens and has all that was done until then."""
import os
import random
import signal
import subprocess
import sys
import time

import harness as h
from table import built, exact, memprof, need, opened, record, row

WAYS = {"return": 7, "exit": 7, "_exit": 7, "quick_exit": 7, "abort": 128 + signal.SIGABRT, "segv": 128 + signal.SIGSEGV,
        "term": 128 + signal.SIGTERM, "kill": 128 + signal.SIGKILL, "other-thread": 7, "main-thread": 0}


def way(name, status):
    @row("ends", name)
    def end():
        h.check_no_loss(exact([h.target("ends"), name], status), name)


for each in WAYS.items():
    way(*each)


@row("ends", "uncaught C++ exception")
def uncaught():
    built("cxx-uncaught")
    done = exact([h.target("cxx-uncaught")], 128 + signal.SIGABRT)
    h.check("uncaught: on purpose" in done.err, f"the runtime's own words: {done.err[:200]!r}")


@row("ends", "out of memory by RLIMIT_AS")
def out_of_memory():
    done = exact([h.target("exhaust"), "limit"], 128 + signal.SIGABRT)
    h.check(done.stated["in.grow.live_blocks"] > 10, "it had memory first")


def grown(run, file, what):
    """Between two lines of `exhaust` there may be one block more."""
    done = opened(run, file)
    seen, said = h.sums(done.doc, "grow")["live_blocks"], done.stated.get("in.grow.live_blocks", 0)
    h.check(said > 0 and said <= seen <= said + 1, f"{what}: {seen} blocks, it said {said}")


@row("ends", "OOM-kill in a memory cgroup")
def cgroup():
    folder = os.environ.get("MEMPROF_TEST_CGROUP")
    need(folder, "MEMPROF_TEST_CGROUP names no folder of a memory cgroup with a limit that the test may use")
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        need(any(line.split()[4] in folder for line in f), f"{folder} is not mounted")
    enter = f"echo $$ >{folder}/cgroup.procs && exec {h.target('exhaust')} kill"
    run, file = record(["sh", "-c", enter])
    h.equal(run.returncode, 128 + signal.SIGKILL, "killed by the kernel")
    grown(run, file, "OOM-kill")


@row("ends", "SIGKILL from outside while it allocates")
def killed():
    run, file = record(["sh", "-c", f"ulimit -v 2000000; {{ sleep 0.4; kill -9 $$; }} & exec {h.target('exhaust')} kill"])
    need(run.returncode != 128 + signal.SIGABRT, "the machine was faster than the signal")
    h.equal(run.returncode, 128 + signal.SIGKILL, "killed")
    grown(run, file, "SIGKILL")


@row("ends", "exec over itself")
def exec_self():
    run, file = record([h.target("exec-self"), "4"])
    h.equal(run.returncode, 0, "status")
    files = [file[:-len("mprof")] + f"{i}.mprof" for i in (1, 2, 3)] + [file]
    h.equal([opened(run, f).doc["totals"]["total_blocks"] for f in files], [40, 30, 20, 10], "blocks of each image")


def loses(name, way_out, status):
    @row("ends", name)
    def end():
        run, file = record([h.target("ways-out"), way_out])
        h.equal(run.returncode, status, "status")
        h.equal(h.sums(opened(run, file).doc, "lose")["total_blocks"], 2, "what it allocated")


loses("exit from a thread while others allocate", "exit_from_thread", 7)
loses("exit inside a signal handler", "exit_in_handler", 6)
loses("SIGTERM inside malloc", "term_in_malloc", 128 + signal.SIGTERM)
loses("exit in an exit handler", "exit_in_exit_handler", 9)
loses("stack overflow", "stack_overflow", 128 + signal.SIGSEGV)


@row("ends", "threads cancelled inside malloc")
def cancelled():
    run, file = record([h.target("cancel-inside")])
    h.equal(run.returncode, 0, "status")
    done = opened(run, file)
    seen = h.sums(done.doc, "pairs")["total_blocks"]
    least, most = done.stated["pairs_at_least"], done.stated["pairs_at_most"]
    h.check(least <= seen <= most, f"{seen} pairs, {least} to {most} were made")


def kill_hosts(times):
    """Its output is what it prints alone, each time; the file opens if memprof had made it."""
    rng = random.Random(7)
    alone = subprocess.run([h.target("scale"), "events", "3000000"], capture_output=True, text=True, timeout=60).stdout
    early = late = profiles = 0
    for i in range(times):
        file = os.path.join(h.scratch, f"host{i}.mprof")
        host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--snapshot-every", "20ms", "--", "sh", "-c",
                                 f"{h.target('scale')} events 1000; exec {h.target('scale')} events 3000000"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        time.sleep(rng.random() * 0.4)
        late += host.poll() is not None
        host.kill()
        out = host.communicate(timeout=120)[0]
        early += out == ""
        h.check(out == "" or out.endswith(alone), f"host killed, {i}: {out!r}")
        if os.path.exists(file):
            run = memprof("stat", file)
            profiles += 1
            h.equal(run.returncode, 0, f"host killed, {i}: its file opens: {run.stderr.strip()}")
            os.unlink(file)
    h.check(times - early - late > times // 4, f"most were killed while the program ran: {early} before, {late} after")
    return f"{times} times: {early} before the program began, {late} after its end, {profiles} profiles opened"


@row("memprof", "killed at 10 random moments")
def host_short():
    return kill_hosts(10)


@row("memprof", "killed at 200 random moments", long=True)
def host_long():
    return kill_hosts(200)


@row("memprof", "stopped for a while, then killed")
def host_stopped():
    file = os.path.join(h.scratch, "stopped.mprof")
    host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", file, "--", sys.executable, "-S", "-c",
                             "for i in range(300000): x = bytes(600)\nprint('whole')"], stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    host.send_signal(signal.SIGSTOP)
    time.sleep(1)
    host.kill()
    h.equal(host.communicate(timeout=120)[0], "whole\n", "its output")
