# SPDX-License-Identifier: Apache-2.0
"""Stacks of every shape are those that libunwind finds, and end where they must."""
import harness as h

CASES = ["frames", "crossing", "jump", "fibers", "signals", "deep", "deep-gaps", "thread-queue", "thread-small-stack", "fork"]
for name in CASES:
    run = h.profile([h.target(name)], "--verify-stacks", "1")
    h.equal(run.status, 0, f"{name}: status")
    h.check_stated(run, name)
    h.check_verified(run, name, 30)
    if run.doc and name in ["frames", "jump", "deep", "deep-gaps"]:
        h.equal(run.doc["loss"]["stacks_truncated"], 0, f"{name}: truncated stacks")
        ends = {h.plain_name(row["traceback"][-1]["function"]) for row in run.doc["stats"]}
        h.equal(ends, {"_start"}, f"{name}: where stacks end")

# A handler that jumps out of the allocator and the recorder ends no recording.
run = h.profile([h.target("left-handlers")], env={"LD_PRELOAD": h.target("cells-plugin.so")})
h.equal(run.status, 0, "left-handlers: status")
h.check_stated(run, "left-handlers")
h.equal((run.doc or {"loss": {}})["loss"].get("nested_blocks"), 0, "left-handlers: taken for nested")

# A frame without unwind information: the stack ends there and says so.
run = h.profile([h.target("no-cfi")])
h.check_stated(run, "no-cfi", but_not=["beyond"])
h.equal(run.doc["loss"]["stacks_truncated"], run.stated["truncated"], "no-cfi: truncated stacks")
beyond = [row for row in run.doc["stats"] if h.passes_through(row, "beyond")]
h.check(beyond and not any(row["traceback_whole"] for row in beyond), "no-cfi: marked as not whole")
h.check(not any(h.passes_through(row, "main") for row in beyond), "no-cfi: nothing is made up beyond the gap")
before = [row for row in run.doc["stats"] if not h.passes_through(row, "beyond")]
h.check(before and all(row["traceback_whole"] and h.passes_through(row, "main") for row in before), "no-cfi: the others are whole")

# Each frame of recursion is there: depth 10,000 with its own number of frames.
run = h.profile([h.target("deep"), "10000"])
bottom = [row for row in run.doc["stats"] if h.passes_through(row, "bottom")]
for row in bottom:
    h.equal(sum(h.plain_name(f["function"]) == "descend" for f in row["traceback"]), 10001, "deep: frames of descend")
h.check(bottom, "deep: stacks from the bottom")

# The other unwinders give the same amounts.
for unwinder in ["libunwind", "fp"]:
    run = h.profile([h.target("entry-points")], "--unwinder", unwinder)
    for key in ("total_blocks", "total_bytes", "live_bytes", "peak_bytes"):
        h.equal(run.doc["totals"][key], run.stated[key], f"--unwinder={unwinder}: {key}")
    modules = {frame["module"] for row in run.doc["stats"] for frame in row["traceback"][:1]}
    h.check(modules and not modules & {None, ""}, f"--unwinder={unwinder}: callers have modules ({modules})")
run = h.profile([h.target("frames")], "--unwinder", "libunwind")
h.check_stated(run, "frames with --unwinder=libunwind")
h.finish()
