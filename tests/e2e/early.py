# SPDX-License-Identifier: Apache-2.0
"""What is allocated before main is recorded, or said not to be."""
import signal

import harness as h

bare = h.bare([h.target("early")])
h.equal(bare.returncode, 0, "early by itself")
run = h.profile([h.target("early")], env={"LD_PRELOAD": h.target("early-plugin.so")})
h.equal(run.status, 0, "early: status")
if h.check(run.doc is not None, "early: a report"):
    t, loss = run.doc["totals"], run.doc["loss"]
    # 1 in the resolver, 256 in the constructor; 300 callocs, 300 reallocs and 200 mallocs in the library.
    h.equal(t["total_blocks"] + loss["bootstrap_blocks"], 1 + 256 + 800, "early: blocks, recorded or owned up to")
    h.equal(t["total_bytes"] + loss["bootstrap_bytes"], 99 + 256 * 1024 + 300 * 1500 + 200 * 1000, "early: bytes")
    if not loss["bootstrap_blocks"]:
        h.check_stated(run, "early")
        h.equal(h.sums(run.doc, "library_constructor")["live_bytes"], 201000, "early: live in the library's constructor")

# A constructor that ends the process before anything was allocated.
early = {"LD_PRELOAD": h.target("early-plugin.so")}
for options in ("--leak-check=summary", "--leak-check=no"):
    h.equal(h.profile(["env", "EARLY_ABORT=1", h.target("plain")], options, env=early).status, 128 + signal.SIGABRT, f"aborted in a constructor, {options}")
h.finish()
