# SPDX-License-Identifier: Apache-2.0
"""C++: operator new is counted once, and exceptions do no harm."""
import harness as h

h.need("cxx-new", "cxx-throw", "cxx-plugin.so")
for name in ["cxx-new", "cxx-throw", "cxx-later"]:
    bare = h.bare([h.target(name)])
    run = h.profile([h.target(name)], referee=True, timeout=60)
    h.equal((run.status, run.out), (bare.returncode, bare.stdout), f"{name}: status and output")
    h.check_stated(run, name)
    h.check_referee(run, name, peak=True)
    h.check_verified(h.profile([h.target(name)], "--verify-stacks", "1"), name, 10)
# The C++ runtime comes only with the plugin, and its aligned operators still align.
h.equal(h.bare([h.target("cxx-later")]).returncode, 0, "cxx-later: without memprof")
h.finish()
