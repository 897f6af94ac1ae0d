# SPDX-License-Identifier: Apache-2.0
"""Threads: exact in every run.  MEMPROF_RUNS says how many there are of each (default 5)."""
import os

import harness as h

RUNS = int(os.environ.get("MEMPROF_RUNS", "5"))
CASES = [
    (["thread-pairs", "1"], RUNS),
    (["thread-pairs", "8", "5000"], RUNS),
    (["thread-pairs", "64", "500"], RUNS),
    (["thread-queue", "2", "20000"], RUNS),
    (["thread-queue", "8", "10000"], RUNS),
    (["thread-churn"], RUNS),
    (["thread-peak"], RUNS),
    (["thread-tsd"], RUNS),
    (["thread-cancel"], RUNS),
    (["thread-small-stack"], RUNS),
    (["thread-crowd", "10000"], 1),
]
for argv, runs in CASES:
    name = " ".join(argv)
    for i in range(runs):
        # Every other time with the referee, which changes the timing and counts all of it.
        run = h.profile([h.target(argv[0]), *argv[1:]], referee=i % 2 == 1)
        if run.status == h.SKIP:
            print(f"{name}: too few threads can be made here")
            break
        h.equal(run.status, 0, f"{name}: status")
        h.check_stated(run, name)
        h.check_no_loss(run, name)
        if i % 2 == 1:
            h.check_referee(run, name)
        if argv[0] == "thread-cancel" and run.doc:
            h.equal(h.sums(run.doc, "spin", ["clean_up"])["total_blocks"], run.stated["pairs"], f"{name}: pairs")

run = h.profile([h.target("thread-names")])
by_thread = {row["thread"]["name"]: row["total_bytes"] for row in run.top("-g", "thread", "-t", "0")["stats"]}
for name in ["writer", "reader"]:
    h.equal(by_thread.get(name), run.stated["thread." + name], f"thread {name}")
h.finish()
