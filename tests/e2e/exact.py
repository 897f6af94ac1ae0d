# SPDX-License-Identifier: Apache-2.0
"""One thread, every entry point: the numbers are exact, to the byte."""
import harness as h

for name in ["entry-points", "resize", "temporary", "plain", "deep", "maps"]:
    run = h.profile([h.target(name)], referee=True)
    h.equal(run.status, 0, f"{name}: status")
    h.check_stated(run, name)
    h.check_referee(run, name, peak=True)

h.equal(h.profile([h.target("resize")]).doc["totals"]["failed_blocks"], 10, "resize: requests that failed")
deep = h.profile([h.target("deep"), "100000"])
h.check_stated(deep, "deep 100000")
longest = max(len(row["traceback"]) for row in deep.doc["stats"])
h.check(longest >= 100000, f"deep 100000: the longest stack has {longest} frames")
h.check(all(row["traceback_whole"] for row in deep.doc["stats"]), "deep 100000: every stack is whole")

limited = h.profile([h.target("deep"), "1000"], "--depth", "7")
h.check_stated(limited, "deep with --depth 7")
h.equal(max(len(row["traceback"]) for row in limited.doc["stats"]), 7, "--depth 7 keeps so many frames")

# Sums over rows agree with the totals.
run = h.profile([h.target("entry-points")])
for key in h.TOTALS:
    h.equal(sum(row[key] for row in run.doc["stats"]), run.doc["totals"][key], f"sum of the rows: {key}")
h.finish()
