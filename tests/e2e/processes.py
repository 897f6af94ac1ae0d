# SPDX-License-Identifier: Apache-2.0
"""fork, vfork, spawn, exec: the parent's numbers are its own, each image has its profile."""
import glob

import harness as h

for i in range(3):
    run = h.profile([h.target("fork")], "--follow=none")
    h.equal(run.status, 0, "fork: status")
    h.check_stated(run, "fork")
    h.check_no_loss(run, "fork")
h.check(run.doc["loss"]["forked_children"] >= 31, "fork: the children that were not recorded are counted")

run = h.profile([h.target("exec-self"), "3"])
h.equal(run.status, 0, "exec: status")
h.equal(run.doc["totals"]["total_blocks"], 10, "exec: the last image's blocks")
earlier = sorted(p for p in glob.glob(run.profile[: -len(".mprof")] + "*.mprof") if p != run.profile)
h.equal(len(earlier), 2, "exec: the earlier images have profiles too")
for path, blocks in zip(earlier, [30, 20]):
    doc = h.Run(0, "", "", None, path).top()
    h.equal(doc["totals"].get("total_blocks"), blocks, f"exec: blocks of {path[-20:]}")
    h.check(doc["process"].get("executed"), "exec: the profile says that the image was replaced")

run = h.profile([h.target("close-all")], referee=True)
h.equal(run.status, 0, "close-all: status")
h.check_stated(run, "close-all")
h.check_referee(run, "close-all")
h.finish()
