# SPDX-License-Identifier: Apache-2.0
"""Runs side by side: rows, savings, names, JSON and CSV; and the example that README shows."""
import csv
import io
import json
import os
import re
import subprocess
import sys

import harness as h

EXAMPLE = os.path.join(h.SOURCE, "examples/loganalysis")
VERSIONS = ("1-everything", "2-lines", "3-compact")


def memprof(*arguments, status=0):
    result = subprocess.run([h.MEMPROF, *arguments], capture_output=True, text=True, timeout=120)
    h.equal(result.returncode, status, f"memprof {' '.join(arguments)}: status ({result.stderr.strip()[:300]})")
    return result


log = os.path.join(h.scratch, "access.log")
with open(log, "w") as f:
    subprocess.run([sys.executable, os.path.join(EXAMPLE, "make-log.py"), "2000"], stdout=f, check=True)
h.equal(sum(1 for _ in open(log)), 2000, "the log has its lines")

profiles, answers = {}, set()
for version in VERSIONS:
    program = os.path.join(h.scratch, version)
    h.bare([os.environ.get("CC", "cc").split()[0], "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program,
            os.path.join(EXAMPLE, version + ".c")], check=True)
    profiles[version] = h.profile([program, log])
    profiles[version + ".py"] = h.profile([sys.executable, os.path.join(EXAMPLE, version + ".py"), log],
                                          env={"PYTHONMALLOC": "malloc"})
for name, run in profiles.items():
    h.equal(run.status, 0, f"{name} ended well: {run.err[:200]}")
    answers.add(run.out)
h.equal(len(answers), 1, "all versions, in C and in Python, give one answer")
h.check(len(answers) == 1 and re.search(r"^10\.\S+ +\d+ requests +\d+ bytes$", answers.pop(), re.M), "and it is a report")

files = [profiles[v].profile for v in VERSIONS]
totals = [profiles[v].doc["totals"] for v in VERSIONS]
document = json.loads(memprof("compare", "--json", "-", *files).stdout)
for key in ("peak_bytes", "live_bytes", "total_bytes", "total_blocks", "temporary_blocks"):
    h.equal([r[key] for r in document["runs"]], [t[key] for t in totals], key)
h.equal([r["name"] for r in document["runs"]], [os.path.basename(f)[: -len(".mprof")] for f in files], "named by files")
peaks = [t["peak_bytes"] for t in totals]
for run, peak in zip(document["runs"], peaks):
    h.check(abs(run["saved_percent"] - 100 * (peaks[0] - peak) / peaks[0]) < 1e-6, f"percent saved: {run['saved_percent']}")
h.check(document["runs"][1]["saved_percent"] > 50, "line by line needs less than half")
h.check(totals[2]["total_blocks"] * 2 < totals[1]["total_blocks"], "the compact version allocates less than half as often")
python = json.loads(memprof("compare", "--json", "-", *[profiles[v + ".py"].profile for v in VERSIONS]).stdout)["runs"]
h.check(python[0]["peak_bytes"] > python[1]["peak_bytes"] > python[2]["peak_bytes"], "in Python each saves more")

# ---- the table
table = memprof("compare", "-n", "all", "-n", "lines", *files).stdout.splitlines()
h.equal(table[0].split(), ["peak", "total", "blocks", "temporary", "seconds", "saved"], "titles")
h.equal([l.split()[0] for l in table[1:]], ["all", "lines", document["runs"][2]["name"]], "rows, the first ones named")
h.check(not table[1].endswith("%") and table[2].endswith("%") and table[3].endswith("%"), "the first saves nothing")
h.equal(len({len(l) for l in table[:1] + table[2:]}), 1, "columns are aligned")
for by, key in (("live", "live_bytes"), ("total", "total_bytes"), ("count", "total_blocks"), ("temporary", "temporary_blocks")):
    runs = json.loads(memprof("compare", "--by", by, "--json", "-", files[2], files[0]).stdout)["runs"]
    first, second = runs[0][key], runs[1][key]
    wanted = 100 * (first - second) / first if first else None
    got = runs[1]["saved_percent"]
    h.check(got is None if wanted is None else abs(got - wanted) < 1e-6, f"--by {by}: {got}, wanted {wanted}")
h.check("saved (count)" in memprof("compare", "--by", "count", *files).stdout, "what is saved is said")
worse = memprof("compare", files[1], files[0]).stdout.splitlines()[2]
h.check(re.search(r" -[\d.]+ %$", worse), f"taking more is a negative saving: {worse!r}")
rows = list(csv.DictReader(io.StringIO(memprof("compare", "--csv", "-", *files).stdout, newline="")))
h.equal([int(r["peak_bytes"]) for r in rows], peaks, "--csv")
exact = memprof("compare", "--bytes", *files).stdout
h.check(f"{peaks[0]:,} B" in exact, f"--bytes: {exact}")
twin = os.path.join(h.scratch, "twin")
os.mkdir(twin)
os.link(files[0], os.path.join(twin, os.path.basename(files[0])))
names = [r["name"] for r in json.loads(memprof("compare", "--json", "-", files[0], os.path.join(twin, os.path.basename(files[0]))).stdout)["runs"]]
h.equal(names, [files[0], os.path.join(twin, os.path.basename(files[0]))], "files of one name go by their paths")

# ---- what README says of the example
d = json.loads(memprof("diff", "--by", "peak", "--json", "-", files[0], files[1]).stdout)
h.equal(d["stats"][0]["function"], "parse", "what version 2 saves is what parse allocated")
h.check(d["stats"][0]["size_diff"] < 0, "and it is less")

h.finish()
