# SPDX-License-Identifier: Apache-2.0
"""Where ptrace is forbidden, as in a container, threads are held by a signal: the search finds the same, the program notices nothing."""
import json
import os
import re
import signal
import subprocess

import harness as h

# LeakSanitizer in memprof itself needs ptrace.
os.environ["ASAN_OPTIONS"] += ":detect_leaks=0"
LOST = 1000
OWN = h.target("own-signals")
WAYS = "return exit_from_thread exit_in_handler abort_and_jump main_thread_ends segv sys term_in_malloc in_register in_vector timer".split()
DEADLY = [str(number) for number in range(signal.SIGRTMAX - signal.SIGRTMIN + 1)]


def ended(argv):
    run = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return (run.returncode if run.returncode >= 0 else 128 - run.returncode), re.sub(r" *\b\d{3,}\b", " PID", run.stdout)


def recorded(forbid, argv):
    file = os.path.join(h.scratch, "forbidden.mprof")
    return ended([*forbid, h.MEMPROF, "run", "-q", "--leak-check=summary", "-o", file, "--", *argv]), file


def leaks(file):
    return json.loads(subprocess.run([h.MEMPROF, "leaks", "--json", "-", file], capture_output=True, text=True, timeout=120).stdout)


def same(forbid, argv, searched=True):
    name = " ".join([*forbid[1:], os.path.basename(argv[0]), *argv[1:]])
    end, file = recorded(forbid, argv)
    h.equal(end, ended(argv), f"{name}: status and output")
    if searched:
        doc = leaks(file)
        h.equal((doc["leaks"]["definite"]["bytes"], doc["notes"]), (LOST, []), name)


for calls in ("", "ptrace", "process_vm_readv", "ptrace,process_vm_readv"):
    prefix = [h.target("forbidden"), calls] if calls else []
    if calls and ended([*prefix, "true"])[0] == h.SKIP:
        h.skip("no filters for system calls here")
    same(prefix, [OWN])
    for number in DEADLY:
        if not calls or number == DEADLY[-3]:
            same(prefix, [OWN, number], searched=False)
    for way in WAYS if calls else ():
        same(prefix, [h.target("ways-out"), way], searched=way != "sys")
h.finish()
