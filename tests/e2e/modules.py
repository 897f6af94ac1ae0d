# SPDX-License-Identifier: Apache-2.0
"""Two libraries that take turns at one address are never mixed up."""
import harness as h

argv = [h.target("swap"), h.target("swap-plugin-1.so"), h.target("swap-plugin-2.so")]
run = h.profile(argv, referee=True)
h.check(run.stated.get("same_address", 0) > 0, "the two were mapped at the same address")
h.check_stated(run, "swap")
h.check_referee(run, "swap")
for mine, other in [("one", "two"), ("two", "one")]:
    rows = [r for r in run.doc["stats"] if h.passes_through(r, mine + "_inner")]
    h.check(rows, f"stacks through {mine}_inner")
    h.check(not any(h.passes_through(r, f"{other}_{f}") for r in rows for f in ("inner", "middle", "plugin")),
            f"stacks of {mine} have no frame of {other}")
    h.check(all(h.passes_through(r, "main") and r["traceback_whole"] for r in rows), f"stacks of {mine} reach main")
verified = h.profile(argv, "--verify-stacks", "1")
h.check_verified(verified, "swap", 400)
h.finish()
