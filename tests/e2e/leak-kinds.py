# SPDX-License-Identifier: Apache-2.0
"""Every case of the leak targets: bytes and blocks of each kind, as the target states them."""
import json
import os
import signal
import subprocess

import harness as h

PLUGIN = h.target("leak-plugin.so")
KINDS = ("definite", "indirect", "possible", "weak", "reachable")
STATUS = {"abort-inside": 128 + signal.SIGABRT, "fault-inside": 128 + signal.SIGSEGV, "term-inside": 128 + signal.SIGTERM}


def leaks(run, *options):
    """What `memprof leaks` says of the profile, as JSON."""
    done = subprocess.run([h.MEMPROF, "leaks", "--json", "-", "--show-leak-kinds=all", *options, run.profile],
                          capture_output=True, text=True, timeout=120)
    h.equal(done.returncode, 0, f"memprof leaks {run.profile}: {done.stderr.strip()}")
    return json.loads(done.stdout or "{}")


def of_target(record):
    return any((f.get("function") or "").startswith("make_block") for f in record["stack"])


def found(doc):
    """Blocks and bytes by kind of what the target allocated itself."""
    sums = {f"{kind}_{what}": 0 for kind in KINDS for what in ("blocks", "bytes")}
    for record in doc.get("records", []):
        if of_target(record):
            for what in ("blocks", "bytes"):
                sums[f"{record['kind']}_{what}"] += record[what]
    return sums


def cases(target):
    return h.bare([h.target(target)]).stdout.split()


def case(target, name, *options, different=None):
    """Run a case; `different` are the numbers that the options change."""
    run = h.profile([h.target(target), name, PLUGIN], *options)
    what = f"{target} {name} {' '.join(options)}"
    h.equal(run.status, STATUS.get(name, 0), f"{what}: status {run.err.strip()[-300:]}")
    if run.stated.get("skip"):
        return None
    doc = leaks(run)
    wanted = {key: run.stated.get(key, 0) for key in found({})}
    wanted.update(different or {})
    got = found(doc)
    h.equal({k: v for k, v in got.items() if v or wanted[k]}, {k: v for k, v in wanted.items() if v or got[k]}, what)
    return doc


def lost_elsewhere(doc):
    """Definitely and indirectly lost records of the libraries."""
    return [r for r in doc.get("records", []) if r["kind"] in ("definite", "indirect", "possible") and not of_target(r)]


for target in ("leak-kinds", "leak-threads", "leak-cxx", "leak-cxx-old", "leak-cxx-norelro"):
    if not os.path.exists(h.target(target)):
        continue
    names = cases(target)
    h.check(len(names) > 10, f"{target} lists its cases")
    for name in names:
        doc = case(target, name)
        if doc:
            h.equal(lost_elsewhere(doc), [], f"{target} {name}: nothing of the libraries is lost")

# Vtables in data that may be written to, of which there is much.
if os.path.exists(h.target("leak-cxx-data")):
    case("leak-cxx-data", "second-base-held")

# Where all of memory is copied, the exceptions look at that.
for name in cases("leak-cxx") if os.path.exists(h.target("leak-cxx")) else ():
    case("leak-cxx", name, "--contents=1")

# A lost structure stands under its root.
doc = case("leak-kinds", "cycle-below")
roots = [r for r in doc["records"] if r["kind"] == "definite" and of_target(r)]
h.equal([(r["indirect_blocks"], r["indirect_bytes"]) for r in roots], [(11, 11 * 32)], "what is lost below a list's head")
doc = case("leak-kinds", "cycle")
roots = [r for r in doc["records"] if r["kind"] == "definite" and of_target(r)]
h.equal([r.get("cycle_blocks") for r in roots], [2], "two blocks that hold each other")

# Options that make more of a pointer.
reachable = lambda blocks, size: {"definite_blocks": 0, "definite_bytes": 0, "possible_blocks": 0, "possible_bytes": 0,
                                  "reachable_blocks": blocks, "reachable_bytes": size}
case("leak-kinds", "misaligned", "--unaligned", different=reachable(1, 40))
case("leak-kinds", "tagged-low", "--tagged-pointers=low", different=reachable(1, 48))
case("leak-kinds", "tagged-high", "--tagged-pointers=0xff00000000000000", different=reachable(1, 56))
case("leak-kinds", "past-end", "--past-end", different={"definite_blocks": 0, "definite_bytes": 0, "possible_blocks": 1, "possible_bytes": 304})
case("leak-kinds", "length-prefix", "--heuristics=none",
     different={"reachable_blocks": 0, "reachable_bytes": 0, "possible_blocks": 1, "possible_bytes": 128})
case("leak-kinds", "in-mapping", "--roots=registers,stacks,globals,tls",
     different={"reachable_blocks": 0, "reachable_bytes": 0, "definite_blocks": 1, "definite_bytes": 88})

# Without ptrace, threads stop by a signal.
for target, name in (("leak-kinds", "pointers"), ("leak-threads", "in-register"), ("leak-threads", "in-vector-register"),
                     ("leak-threads", "in-key"), ("leak-threads", "in-dynamic-tls"), ("leak-threads", "on-1000-stacks")):
    if name in cases(target):
        case(target, name, "--leak-stop=signal")

# A program that was not searched: what was live, none of it called lost, and a reason.
run = h.profile([h.target("leak-kinds"), "list"], "--leak-check=no")
doc = leaks(run)
h.equal({r["kind"] for r in doc.get("records", [])}, {"reachable"}, "nothing is lost where nothing was searched")
h.check(any("nothing was searched" in note for note in doc.get("notes", [])), "it is said that nothing was searched")

h.finish()
