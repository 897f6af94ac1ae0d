# SPDX-License-Identifier: Apache-2.0
"""What the user sees: the summary, its rows, units, and the same again from the file."""
import json
import os
import re
import subprocess

import harness as h

run = h.profile([h.target("entry-points")], "-g", "line", "-t", "5", quiet=False)
lines = run.err.splitlines()
h.check(re.match(r"memprof: entry-points \(pid \d+\) ran [\d.]+ s, exit 0$", lines[0]), f"first line: {lines[0]!r}")
h.check(re.match(r"  live at exit +3\.0 MiB in 12 blocks +peak [\d.]+ [KM]iB at [\d.]+ s( +peak RSS [\d.]+ [KM]iB)?$", lines[1]), f"second line: {lines[1]!r}")
h.check(re.match(r"  allocated +21\.0 MiB in 8[46] blocks, \d+ temporary", lines[2]), f"third line: {lines[2]!r}")
h.check("[ Top 5 lines by bytes allocated ]" in run.err or "[ Top 5 lines by" in run.err, "title of the rows")
h.check(re.search(r"^#1  entry-points\.c:\d+ in use_big ", run.err, re.M), "the largest line is first")
h.check(re.search(r"^and \d+ more lines: ", run.err, re.M), "the rest is summed up")
h.check(re.search(r"^profile: .*\.mprof \(", run.err, re.M), "the profile is named")
h.check("\x1b" not in run.err, "no colour into a file")

top = subprocess.run([h.MEMPROF, "top", "-t", "5", "--by", "total", run.profile], capture_output=True, text=True)
h.equal(top.returncode, 0, "top: status")
rows = lambda text: [l for l in text.splitlines() if re.match(r"#\d+  ", l)]
h.equal(rows(top.stdout), rows(run.err), "top shows the rows that run showed")
exact = subprocess.run([h.MEMPROF, "top", "--bytes", "-t", "1", "--by", "total", run.profile], capture_output=True, text=True)
h.check(re.search(r"\b22,?020,?096\b", exact.stdout), "--bytes shows all digits")

doc = run.top("-t", "3", "--by", "live", "-g", "function")
h.equal(doc["schema_version"], 1, "schema_version")
h.equal(len(doc["stats"]), 3, "-t 3 gives three rows")
h.equal(doc["stats"][0]["function"], "use_big", "largest by live bytes")
h.check(all(a["size"] >= b["size"] for a, b in zip(doc["stats"], doc["stats"][1:])), "rows are sorted")
h.equal(doc["view"]["rest_size"] + sum(r["size"] for r in doc["stats"]), doc["totals"]["live_bytes"], "rows and rest make the whole")
for key in ("command", "pid", "exit_status", "signal", "seconds"):
    h.check(key in doc["process"], f"process.{key}")
for key in ("live_bytes", "live_blocks", "peak_bytes", "peak_blocks", "peak_seconds", "total_bytes", "total_blocks", "temporary_blocks", "dropped"):
    h.check(key in doc["totals"], f"totals.{key}")
for key in ("size", "count", "file", "line", "function", "module", "traceback"):
    h.check(key in doc["stats"][0], f"stats[].{key}")
for key in ("function", "file", "line", "module", "address", "inlined"):
    h.check(key in doc["stats"][0]["traceback"][0], f"stats[].traceback[].{key}")

# The line of a row is the user's, not the allocator's: strdup's caller.
doc = run.top("-t", "0", "--by", "total", "-g", "function")
names = {r["function"] for r in doc["stats"]}
h.check("use_strdup" in names and not names & {"malloc", "strdup", "__strdup"}, f"functions shown: {sorted(filter(None, names))}")
h.check("malloc" not in names, "no allocator is shown")
skipped = {r["function"] for r in run.top("-t", "0", "--by", "total", "-g", "function", "--skip", "use_strdup")["stats"]}
h.check("use_strdup" not in skipped, "--skip passes over a function")

# Standard output by --json -, and the default name of the profile.
out = subprocess.run([h.MEMPROF, "run", "-q", "-o", os.path.join(h.scratch, "x.mprof"), "--json", "-", "--", "true"], capture_output=True, text=True)
h.check(json.loads(out.stdout)["process"]["exit_status"] == 0, "--json - writes to standard output")
subprocess.run([h.MEMPROF, "run", "-q", "--", h.target("plain")], capture_output=True, cwd=h.scratch)
h.check([f for f in os.listdir(h.scratch) if re.fullmatch(r"plain\.\d+\.mprof", f)], "the profile is PROGRAM.PID.mprof by default")
h.equal(h.leftovers(), [], "no temporary files are left")
h.finish()
