# SPDX-License-Identifier: Apache-2.0
"""Memory that is mapped past the allocator is a domain of its own."""
import harness as h

run = h.profile([h.target("maps")])
h.check_stated(run, "maps")
h.equal(run.doc["totals"]["mmap_live_bytes"], run.stated["mmap_live_bytes"], "maps: mmap_live_bytes")
heap, mapped = run.top("-t", "0", "--by", "live"), run.top("-t", "0", "--by", "live", "--domain", "mmap")
h.equal(sum(r["size"] for r in heap["stats"]), 100, "heap domain: live bytes")
h.equal(sum(r["size"] for r in mapped["stats"]), run.stated["mmap_live_bytes"], "mmap domain: live bytes")
everything = run.top("-t", "0", "--by", "live", "--domain", "all")
h.equal(sum(r["size"] for r in everything["stats"]), 100 + run.stated["mmap_live_bytes"], "all domains: live bytes")
h.equal({h.plain_name(r["function"]) for r in run.top("-t", "0", "-g", "function", "--by", "total", "--domain", "mmap")["stats"]}, {"main", "anonymous"},
        "mmap domain: who mapped")
# The allocator's own mappings are not the program's: nothing but the heap here.
run = h.profile([h.target("entry-points")])
h.equal(run.doc["totals"]["mmap_total_bytes"], 0, "entry-points: libc's own mappings are not counted")
h.finish()
