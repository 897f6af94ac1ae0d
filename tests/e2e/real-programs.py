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
    run = h.profile(load.argv, env=load.env, stdin=load.stdin, client=load.client, referee=True)
    h.equal(run.status, 0, f"{name}: status")
    h.check_referee(run, name, peak=name not in ("redis-server", "clang++"))
    if run.doc:
        h.check(run.doc["totals"]["total_blocks"] > 1000, f"{name}: there was something to count")
        whole = sum(r["total_blocks"] for r in run.doc["stats"] if r["traceback_whole"])
        h.check(whole >= 0.999 * run.doc["totals"]["total_blocks"], f"{name}: {whole} allocations have whole stacks")
    load = workloads.make(name, os.path.join(h.scratch, name), scale)
    run = h.profile(load.argv, "--verify-stacks", "50", env=load.env, stdin=load.stdin, client=load.client)
    h.equal(run.status, 0, f"{name}: status with --verify-stacks")
    h.check_verified(run, name, 100)
if not done:
    h.skip("none of the programs is installed")
h.finish()
