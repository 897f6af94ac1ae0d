# SPDX-License-Identifier: Apache-2.0
"""Searches on demand, one after the other, of a program whose eight threads allocate, begin and end all the time.

None is refused, the program notices nothing, and no record is lost: the totals are
the referee's, who counted in the same process.  MEMPROF_LONG_TESTS=1 makes it 200 searches.
"""
import json
import os
import subprocess
import time

import harness as h

SEARCHES = 200 if os.environ.get("MEMPROF_LONG_TESTS") else 8
NAME = "search-asked"


def ask():
    said = subprocess.run([h.MEMPROF, "leaks", NAME, "--json"], capture_output=True, text=True, timeout=120)
    if said.returncode != 0:
        return said.returncode, said.stderr.strip()
    # the referee's table of addresses holds what the program lost
    kinds = json.loads(said.stdout)["leaks"]
    return 0, kinds["definite"]["blocks"] + kinds["reachable"]["blocks"] >= 3


def client(fifo):
    # opening waits for the program, whose standard input this is
    with open(fifo, "w", encoding="ascii"):
        deadline = time.monotonic() + 60
        while ask() != (0, True) and time.monotonic() < deadline:  # it has not begun, or not lost them yet
            time.sleep(0.1)
        for i in range(SEARCHES):
            if not h.equal(ask(), (0, True), f"search {i}"):
                break


h.need(NAME)
fifo = os.path.join(h.scratch, "input")
os.mkfifo(fifo)
keep = os.open(fifo, os.O_RDWR)  # so that neither side's open waits for the other


def ask_and_close():
    client(fifo)
    os.close(keep)


run = h.profile([h.target(NAME), "churn"], stdin=fifo, referee=True, client=ask_and_close)
h.equal(run.status, 0, "its status")
h.check_referee(run, "searched all the time")
h.finish()
