# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote: the numbers are the referee's, the stacks are libunwind's.

MEMPROF_PROGRAMS picks some, separated by spaces; MEMPROF_SCALE multiplies the load.
"""
import os
import sys

import harness as h

sys.path.insert(0, os.path.join(h.SOURCE, "bench"))
import workloads  # noqa: E402

scale = float(os.environ.get("MEMPROF_SCALE", "0.1"))
programs = os.environ.get("MEMPROF_PROGRAMS", " ".join(workloads.ALL)).split()
done = 0
for name in programs:
    load = workloads.make(name, os.path.join(h.scratch, name), scale)
    if not load:
        print(f"{name} is not installed: left out")
        continue
    done += 1
    # one frame of each stack: all of them are half a gigabyte of JSON
    run = h.profile(load.argv, "--frames", "1", env=load.env, stdin=load.stdin, client=load.client, referee=True)
    h.equal(run.status, 0, f"{name}: status")
    h.check_referee(run, name, peak=name not in ("redis-server", "clang++"))
    if run.doc:
        h.check(run.doc["totals"]["total_blocks"] > 1000, f"{name}: there was something to count")
        cut = run.doc["loss"]["stacks_truncated"]
        h.check(cut <= 0.001 * run.doc["totals"]["total_blocks"], f"{name}: {cut} allocations have stacks that are cut")
    load = workloads.make(name, os.path.join(h.scratch, name), scale)
    run = h.profile(load.argv, "--verify-stacks", "50", "-t", "1", env=load.env, stdin=load.stdin, client=load.client)
    h.equal(run.status, 0, f"{name}: status with --verify-stacks")
    h.check_verified(run, name, 100)
if not done:
    h.skip("none of the programs is installed")
h.finish()
