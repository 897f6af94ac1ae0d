#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memprof leaks, and what memprof run says of leaks: kinds, records, filters, ages, JSON, a running program, real programs."""
import json
import os
import shutil
import subprocess
import sys

import harness as h

h.need("leak-gate")
GATE = h.target("leak-gate")
SCHEMA = os.path.join(h.SOURCE, "tests/data/leaks.schema.json")
ALL = ["lost", "other", "below", "possible", "held", "suppressed"]

try:
    import jsonschema
except ImportError:
    jsonschema = None


def memprof(*argv, status=0, **more):
    run = subprocess.run([h.MEMPROF, *argv], capture_output=True, text=True, timeout=120, **more)
    h.equal(run.returncode, status, f"memprof {' '.join(argv)}: {run.stderr.strip()[-300:]}")
    return run


def document(profile, *options):
    doc = json.loads(memprof("leaks", "--json", *options, profile).stdout or "{}")
    if jsonschema:
        with open(SCHEMA, encoding="utf-8") as f:
            try:
                jsonschema.validate(doc, json.load(f))
            except jsonschema.ValidationError as e:
                h.check(False, f"leaks --json {' '.join(options)}: {e.message}")
    return doc


def by_function(doc, kind=None):
    """Bytes, blocks and what is below, by the function of the target that lost or kept them."""
    found = {}
    for record in doc["records"]:
        names = [f["function"] for f in record["stack"]]
        if "make_block" in names and (kind is None or record["kind"] == kind):
            found[names[names.index("make_block") + 1]] = (record["bytes"], record["blocks"], record["indirect_bytes"],
                                                           record["indirect_blocks"])
    return found


# The summary of a run.
run = h.profile([GATE, *ALL], quiet=False)
for line in ("  leaks          824 B in 5 blocks definitely lost\n", "                 96 B in 2 blocks indirectly lost\n",
             "                 64 B in 1 block possibly lost\n", " still reachable\n", " 200 B in 1 block suppressed\n",
             f"                 memprof leaks {run.profile} shows where\n"):
    h.check(line in run.err, f"the summary has {line!r}: {run.err}")
h.check("lose_three" not in run.err.split("[ Top")[0], "the summary has no stacks")
h.equal(run.doc["leaks"]["definite"], {"bytes": 824, "blocks": 5}, "run --json has the leaks")
h.equal(by_function(run.doc, "definite"), {"lose_three": (300, 3, 0, 0), "lose_other": (500, 1, 0, 0), "lose_chain": (24, 1, 96, 2)},
        "run --json has the records")
h.equal(run.doc["heap"]["end_bytes"], run.doc["totals"]["live_bytes"], "run --json has the heap")
full = h.profile([GATE, "lost", "held"], "--leak-check=full", quiet=False).err
h.check("300 B in 3 blocks definitely lost" in full and "lose_three" in full.split("[ Leaks ]\n#1  300 B")[-1], f"--leak-check=full has the stacks: {full}")
none = h.profile([GATE, "lost"], "--leak-check=no", quiet=False)
h.check("  leaks  " not in none.err, f"--leak-check=no says nothing of leaks: {none.err}")
h.check("leaks" not in none.doc, "--leak-check=no puts nothing into the JSON")
clean = h.profile([GATE, "freed"], quiet=False).err
h.check("  leaks          none\n" in clean, f"a clean program has none: {clean}")
odd = h.profile([GATE, "lost"], "--weak=no_such_table", quiet=False)
h.check("'no_such_table', named by --weak, is no variable" in odd.err and "definitely lost" in odd.err,
        f"an unknown --weak is said, and the search is done without: {odd.err}")
for options in (["--report=json=x"], ["--baseline=x"], ["--gen-suppressions=lsan"]):
    memprof("run", "--leak-check=no", *options, GATE, status=125)

# A profile.
doc = document(run.profile)
h.equal({k: v["bytes"] for k, v in doc["leaks"].items() if k not in ("reachable",)},
        {"definite": 824, "indirect": 96, "possible": 64, "weak": 0, "suppressed": 200}, "bytes by kind")
h.equal(by_function(doc, "definite"), by_function(run.doc, "definite"), "the profile has what the run said")
h.equal(by_function(doc, "reachable"), {"keep": (4000, 1, 0, 0)}, "what is held")
h.check("lose_on_purpose" not in str(doc["records"]), "the program's own suppressions hold")
own = document(run.profile, "--show-leak-kinds=definite", "--include", "function=lose_*", "--all-frames")
h.equal(set(by_function(own)), {"lose_three", "lose_other", "lose_chain"}, "filters and kinds choose records")
h.equal({r["kind"] for r in own["records"]}, {"definite"}, "only the kind asked for")
first = [r for r in doc["records"] if "lose_three" in str(r["stack"])][0]
h.equal((first["smallest"], first["largest"], first["thread"], first["threads"]), (100, 100, "leak-gate", 1), "sizes and thread")
h.check(first["first_seconds"] <= first["last_seconds"], "first is not after last")
text = memprof("leaks", run.profile).stdout
order = [text.find(name) for name in ("lose_other", "lose_three", "lose_chain", "keep_inside")]
h.check(-1 not in order and order == sorted(order), f"most bytes first: {text}")
h.check("make_block(100)" in text and "memcpy(" in text, "the source lines are there")
h.check("\n    > " in text, "the line to look at is marked")
h.check(first["id"] in text, "the id is there")
h.check("and 3 more: --top 0 shows all" in memprof("leaks", "-t", "1", run.profile).stdout, "-t limits records")
memprof("leaks", "--show-leak-kinds=lost", run.profile, status=2)
memprof("leaks", "--min-age=x", run.profile, status=2)
memprof("leaks", run.profile, run.profile, status=2)
memprof("leaks", status=2)
memprof("leaks", os.path.join(h.scratch, "absent.mprof"), status=1)
memprof("leaks", SCHEMA, status=65)

# Where the JSON goes.
target = os.path.join(h.scratch, "out.json")
for argv in (["--json=" + target, run.profile], ["--json", target, run.profile], [run.profile, "--json", target]):
    if os.path.exists(target):
        os.unlink(target)
    h.equal(memprof("leaks", *argv).stdout, "", "the JSON goes to the file")
    h.check(os.path.exists(target), f"{argv} writes the file")
h.check(memprof("leaks", run.profile, "--json").stdout.startswith("{"), "--json alone means standard output")
h.check(memprof("leaks", run.profile, "--json", "-").stdout.startswith("{"), "so does -")

# The built-in rules, and doing without any.
h.check("Memcheck:Leak" in memprof("leaks", "--print-builtin-suppressions").stdout, "the built-in rules can be seen")
bare = document(run.profile, "--no-builtin-suppressions")
h.equal(bare["leaks"]["suppressed"]["bytes"], 200, "what the program itself suppresses stays so")

# Contents are shown when they were kept and are asked for.
kept = h.profile([GATE, "lost"], "--contents=16")
h.check("gate: a text" in memprof("leaks", "--contents", kept.profile).stdout, "the first bytes are shown")
h.check("gate: a text" not in memprof("leaks", kept.profile).stdout, "but not unasked")
h.check("gate: a text" not in memprof("leaks", "--contents", run.profile).stdout, "nor where they were not kept")

# Generations: what outlived a snapshot, and what came after it.
aged = os.path.join(h.scratch, "aged.mprof")
child = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", aged, GATE, "lost", "wait", "other"], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
child.stdout.readline()
memprof("snapshot", "leak-gate")
memprof("snapshot", "leak-gate")

# While it runs.
now = json.loads(memprof("leaks", "--json", "leak-gate").stdout or "{}")
h.equal(set(by_function(now, "definite")), {"lose_three"}, "a running program is searched")
h.check("lose_three" in memprof("leaks", "--pid", str(child.pid)).stdout, "by the process id of its memprof")
child.stdin.close()
h.equal(child.wait(60), 0, "the program is none the worse")
h.equal(set(by_function(document(aged), "definite")), {"lose_three", "lose_other"}, "the search at the end has both")
h.equal(set(by_function(document(aged, "--survived", "2"), "definite")), {"lose_three"}, "--survived 2")
h.equal(set(by_function(document(aged, "--survived", "3"), "definite")), set(), "--survived 3")
h.equal(set(by_function(document(aged, "--min-age", "2"), "definite")), {"lose_three"}, "--min-age 2")
ids = {r["fingerprint"]: r["id"] for r in document(aged)["records"]}
h.check(all(ids[r["fingerprint"]] == r["id"] for r in document(aged, "--survived", "2")["records"]), "ids stay with filters")
memprof("leaks", "--pid", "1", status=5 if os.geteuid() else 3)
h.check("nor is there a file no-such-program-here" in memprof("leaks", "no-such-program-here", status=3).stderr,
        "a file that is not there is not taken for a program alone")
with open(os.path.join(h.scratch, "1"), "wb") as f:
    f.write(b"a file by the name of a process")
memprof("leaks", "--pid", "1", status=5 if os.geteuid() else 3, cwd=h.scratch)

# A report on standard output is there alone.
h.check("leaks" in json.loads(memprof("leaks", "--report", "json=-", run.profile).stdout), "JSON and nothing else")
memprof("leaks", "--json", "--report", "sarif=-", run.profile, status=2)

# What blocks contain is shown where it was kept and asked for, and never in a report for others.
kept = h.profile([GATE, "lost"], "--contents")
h.check("gate: a text" in memprof("leaks", "--contents", kept.profile).stdout, "the contents of a lost block")
h.check("gate: a text" not in memprof("leaks", kept.profile).stdout, "not unasked")
for form in ("json", "text", "sarif", "junit", "github", "gitlab", "markdown", "memcheck"):
    out = memprof("leaks", "--contents", "--report", form + "=-", kept.profile).stdout
    h.check("gate: a text" not in out and "67 61 74 65" not in out, f"contents in a report: {form}")
h.check("the search kept no contents" in memprof("leaks", "--contents", run.profile).stdout, "why none are shown")

# A profile that was not searched shows what was live, and says so.
told = memprof("leaks", none.profile).stdout
h.check("nothing was searched" in told and "lose_three" in told, f"what was live: {told}")

# Debian's own rules are read whole.
rules = [os.path.join("/usr/lib/valgrind", n) for n in os.listdir("/usr/lib/valgrind")] if os.path.isdir("/usr/lib/valgrind") else []
rules += ["/usr/lib/x86_64-linux-gnu/valgrind/default.supp", "/usr/libexec/valgrind/default.supp"]
for rule in rules:
    if rule.endswith(".supp") and os.path.exists(rule):
        memprof("leaks", "--suppressions", rule, run.profile)

# Real programs end as they would, and are searched.
for argv in (["git", "--version"], ["jq", "-n", "[range(1000)]|length"], ["perl", "-e", "print 1"], ["sqlite3", ":memory:", "select 1"],
             ["bash", "-c", "echo 1"], [sys.executable, "-c", "print(1)"], ["xmllint", "--version"]):
    if shutil.which(argv[0]):
        real = h.profile(argv)
        name = os.path.basename(argv[0])
        h.equal(real.status, 0, f"{name} ends well")
        doc = document(real.profile)
        h.check(not any("nothing was searched" in note for note in doc["notes"]), f"{name} was searched: {doc['notes']}")
        sums = sum(v["bytes"] for v in doc["leaks"].values())
        h.equal(sums, doc["heap"]["end_bytes"], f"{name}: all that is live is of some kind")

h.finish()
