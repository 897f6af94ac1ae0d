# SPDX-License-Identifier: Apache-2.0
"""Each kind of finding is made of the program that plants it, at its line, and of none that looks alike."""
import json
import os
import subprocess

import harness as h

h.need("findings")
PROGRAM = h.target("findings")
SOURCE = os.path.join(h.SOURCE, "tests/targets/findings.c")
MEMORY = {"lost-on-error-path": 10_000, "lost": 30_000, "cycle": 20_000}  # bytes that are lost


def findings(profile, *options):
    result = subprocess.run([h.MEMPROF, "findings", "--json", *options, profile], capture_output=True, text=True,
                            timeout=120)
    h.equal(result.returncode, 0, f"memprof findings: status ({result.stderr.strip()[:300]})")
    return json.loads(result.stdout)["findings"] if result.returncode == 0 else []


def searched(made):
    """Whether processes can be stopped and read here: not in every container."""
    text = subprocess.run([h.MEMPROF, "leaks", made.profile], capture_output=True, text=True, timeout=120).stdout
    return "nothing was searched" not in text


def line_of(text):
    with open(SOURCE) as f:
        return 1 + next(i for i, line in enumerate(f) if text in line)


def run(kind, quiet=True):
    return h.profile([PROGRAM, kind], quiet=quiet)


# ---- each kind, at the line that is to blame
CULPRIT = line_of("char *block = malloc(size)")
PLANTED = {
    "lost-on-error-path": CULPRIT,
    "lost": CULPRIT,
    "cycle": CULPRIT,
    "grows": CULPRIT,
    "churn": CULPRIT,
    "temporary-copy": CULPRIT,
    "rounding": CULPRIT,
    "over-reserve": line_of("and never touched"),
    "pinned-pages": CULPRIT,
    "not-heap": line_of("mmap(NULL, 40 * MIB"),
}
for kind, line in PLANTED.items():
    made = run(kind)
    found = findings(made.profile)
    kinds = [f["kind"] for f in found]
    if kind in MEMORY and not searched(made):
        print(f"{kind}: nothing could be searched here")
        continue
    if not h.equal(kinds, [kind], f"{kind}: is found, and nothing else ({[f['text'] for f in found]})"):
        continue
    one = found[0]
    h.equal((os.path.basename(one["file"]), one["line"]), ("findings.c", line), f"{kind}: names the line")
    h.check(0.3 < one["confidence"] <= 1, f"{kind}: confidence {one['confidence']}")
    h.check(one["bytes"] > 0 and len(one["text"]) > 40, f"{kind}: says how much, and what: {one}")
    if kind in MEMORY:
        h.check(MEMORY[kind] * 0.9 <= one["bytes"] <= MEMORY[kind], f"{kind}: lost {one['bytes']}, of {MEMORY[kind]}")
    command = one["command"].split()
    h.equal((command[0], command[-1]), ("memprof", made.profile), f"{kind}: a command on this file")
    more = subprocess.run([h.MEMPROF, *command[1:]], capture_output=True, text=True, timeout=120)
    h.equal(more.returncode, 0, f"{kind}: {one['command']} works: {more.stderr[:200]}")
    h.check(kind == "pinned-pages" or "culprit" in more.stdout or "findings.c:" in more.stdout,
            f"{kind}: and shows it: {more.stdout[:300]}")

# ---- on pools the pools themselves tell
found = findings(h.profile([PROGRAM, "pinned-pages"], "--allocator=pool").profile)
h.equal([(f["kind"], f["line"]) for f in found], [("pinned-pages", CULPRIT)], f"pinned pools: {[f['text'] for f in found]}")
h.check(found and "memprof pools " in found[0]["command"], "and memprof pools shows more")

# ---- what looks alike
for kind in ("cache", "table", "arena", "maps", "builder", "lists"):
    found = findings(run(kind).profile)
    h.equal([f["kind"] for f in found], [], f"{kind}: nothing worth saying ({[f['text'] for f in found]})")

# ---- in C++
cxx = h.target("findings-cxx")
if os.path.exists(cxx):
    made = h.profile([cxx, "cycle"])
    found = findings(made.profile)
    if searched(made):
        h.equal([f["kind"] for f in found], ["cycle"], f"shared pointers that keep each other: {[f['text'] for f in found]}")
        h.check(found and any(h.plain_name(f["function"]) == "culprit" for f in found[0]["traceback"]), "made by the culprit")
    for kind in ("vector", "map", "shared"):
        found = findings(h.profile([cxx, kind]).profile)
        h.equal([f["kind"] for f in found], [], f"C++ {kind}: nothing worth saying ({[f['text'] for f in found]})")

# ---- in the summary of a run, and as text
made = run("lost", quiet=False)
h.check("[ Findings ]\n1. " in made.err, f"the summary ends with them: {made.err[-600:]}")
made = run("lists", quiet=False)
h.check(made.err.rstrip().endswith("findings: nothing worth saying"), f"or says that there is none: {made.err[-300:]}")
text = subprocess.run([h.MEMPROF, "findings", made.profile], capture_output=True, text=True, timeout=60).stdout
h.check(text.endswith("findings: nothing worth saying\n"), f"as does the command: {text}")
gate = h.target("leak-gate")
if os.path.exists(gate):
    made = h.profile([gate, "lost"], quiet=False)
    if searched(made):
        h.check(f"findings: nothing worth saying but that 300 B are lost: memprof leaks {made.profile}" in made.err,
                f"nothing is not said beside what is lost: {made.err[-300:]}")
        rule = os.path.join(h.scratch, "culprit.supp")
        with open(rule, "w", encoding="utf-8") as f:
            f.write("leak:culprit\nleak:lose_three\n")
        made = h.profile([gate, "lost"], "--suppressions", rule, quiet=False)
        h.check(made.err.rstrip().endswith("findings: nothing worth saying"), f"what is suppressed is not lost: {made.err[-300:]}")
        made = h.profile([PROGRAM, "lost"], "--suppressions", rule, quiet=False)
        h.check("[ Findings ]" not in made.err, f"nor a finding: {made.err[-300:]}")
h.equal(findings(run("churn").profile, "--top", "1")[0]["kind"], "churn", "the first of them")

# ---- programs that are in order
for argv in (["/bin/ls", "-l", "/"], ["/usr/bin/git", "--version"], ["/bin/bash", "-c", "for i in 1 2 3; do :; done"],
             ["/usr/bin/perl", "-e", "my %h = map { $_ => 1 } 1..1000; print 1"]):
    if os.path.exists(argv[0]):
        found = findings(h.profile(argv).profile)
        h.equal([f["kind"] for f in found], [], f"{argv[0]}: nothing ({[f['text'] for f in found]})")

h.finish()
