# SPDX-License-Identifier: Apache-2.0
"""Searches for leaks while the program runs: its own, by command, several at once, of many threads, and one that is killed meanwhile."""
import json
import os
import signal
import subprocess
import time

import harness as h

h.need("search-asked")
TARGET = h.target("search-asked")


def document(argv):
    done = subprocess.run([h.MEMPROF, "leaks", "--json", "-", "--show-leak-kinds=all", *argv],
                          capture_output=True, text=True, timeout=120)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stderr


def lost(doc):
    """Blocks that the target lost."""
    return sum(r["blocks"] for r in doc.get("records", []) if r["kind"] == "definite"
               and any((f.get("function") or "") == "make_block" for f in r["stack"]))


def of_file(run):
    status, doc, complaint = document([run.profile])
    h.equal(status, 0, f"memprof leaks {run.profile}: {complaint.strip()}")
    return doc


def says(run, *options):
    done = subprocess.run([h.MEMPROF, "leaks", *options, run.profile], capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


# The program asks by itself.
run = h.profile([TARGET, "check"])
h.equal(run.status, 0, f"check: {run.err[-300:]}")
h.equal(run.stated.get("first"), 3 * 1000 + 300, "the program's own search finds what it lost")
h.equal(run.stated.get("second"), 5 * 1000 + 500, "and the next one what it lost since")
h.equal(lost(of_file(run)), 5, "the search at its end is the one in the profile")
h.check("ran on" not in says(run), "nothing came after that")

run = h.profile([TARGET, "check"], "--leak-check=no")
h.equal(run.stated.get("first"), 3 * 1000 + 300, "without a check at the end the program may still ask")
h.equal(lost(of_file(run)), 5, "the last search is kept")
h.check("ran on" in says(run), "and is said to be an earlier one")

run = h.profile([TARGET, "killed"])
h.equal(run.status, 128 + signal.SIGKILL, "killed: its status")
h.equal(lost(of_file(run)), 3, "the search before it was killed is kept")
h.check("ran on" in says(run), "the program is said to have gone on")

run = h.profile([TARGET, "suppressed"])
doc = of_file(run)
h.equal((lost(doc), doc["leaks"]["suppressed"]["bytes"] >= 70), (3, True), "the program's own suppressions hold")

run = h.profile(["/bin/sh", "-c", "kill -9 $$"])
h.check("killed by signal 9" in says(run), "why nothing was searched")

# What may not be read is said, by the search that keeps words and by the one that copies.
h.need("closed-pages")
for options in ([], ["--contents"], ["--leak-stop=signal"]):
    run = h.profile([h.target("closed-pages")], *options)
    h.equal(run.status, 0, f"closed-pages: {run.err[-300:]}")
    h.equal(run.stated.get("closed"), 2 * 4096, "closed-pages: what it says")
    h.check("8.0 KiB of memory could not be read" in says(run), f"closed-pages {options}: it is said")


class Live:
    """The target under memprof, waiting."""

    number = 0

    def __init__(self, *argv, options=()):
        Live.number += 1
        self.profile = os.path.join(h.scratch, f"live{Live.number}.mprof")
        self.process = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", self.profile, *options, "--", TARGET, *argv],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.stdout.readline().strip().partition("=")[2]

    def end(self):
        try:
            self.process.communicate("\n", timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "timeout"
        return self.process.returncode


# By command, again and again.
live = Live("wait", "1000")
for _ in range(3):
    status, doc, complaint = document(["--pid", live.pid])
    h.equal((status, lost(doc)), (0, 3), f"leaks --pid: {complaint.strip()}")

# Several at once: each is answered.
asking = [subprocess.Popen([h.MEMPROF, "leaks", "--json", "-", "--pid", live.pid], stdout=subprocess.PIPE, text=True)
          for _ in range(6)]
for one in asking:
    out = one.communicate(timeout=120)[0]
    h.equal((one.returncode, lost(json.loads(out or "{}"))), (0, 3), "one of six at once")
h.equal(live.end(), 0, "wait: its status")
h.equal(lost(of_file(live)), 3, "wait: the search at its end")

# Threads that come and go, and allocate all the time, notice nothing.
for options in ([], ["--leak-stop=signal"]):
    what = " ".join(["churn", *options])
    live = Live("churn", options=options)
    for _ in range(10):
        status, doc, complaint = document(["--pid", live.pid])
        h.equal((status, lost(doc)), (0, 3), f"{what}: {complaint.strip()}")
    h.equal(live.end(), 0, f"{what}: its status")
    h.equal(lost(of_file(live)), 3, f"{what}: the search at its end")

# Killed while it is held still, or copied, or searched: at several moments.
for delay in (0.0, 0.005, 0.01, 0.02, 0.05, 0.1):
    live = Live("wait", "200000")
    asking = subprocess.Popen([h.MEMPROF, "leaks", "--pid", live.pid], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    time.sleep(delay)
    os.kill(int(live.pid), signal.SIGKILL)
    try:
        asking.wait(60)
    except subprocess.TimeoutExpired:
        asking.kill()
        h.check(False, f"killed after {delay} s: the command hangs")
    h.equal(live.end(), 128 + signal.SIGKILL, f"killed after {delay} s: the status")
    status, doc, complaint = document([live.profile])
    h.equal(status, 0, f"killed after {delay} s: the profile is whole: {complaint.strip()}")

h.finish()
