# SPDX-License-Identifier: Apache-2.0
"""A program with a malloc of its own is recorded where its libraries call that, and the report says so."""
import harness as h

h.need("own-malloc-exported")
run = h.profile([h.target("own-malloc-exported")], quiet=False)
h.equal(run.status, 5, "status")
h.check_stated(run, "own malloc")
h.equal(run.doc["process"]["own_malloc"], True, "own malloc: JSON says so")
h.check("the executable has a malloc of its own" in run.err, f"own malloc: the summary says so: {run.err!r}")
h.equal(run.doc["loss"]["imports_missed"], 0, "own malloc: all imports")

plain = h.profile([h.target("plain")])
h.equal(plain.doc["process"]["own_malloc"], False, "plain: it has none")
h.finish()
