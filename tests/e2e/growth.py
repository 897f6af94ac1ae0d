# SPDX-License-Identifier: Apache-2.0
"""What grows is told from what levelled off, also when all of it is freed at the end."""
import csv
import io
import json
import subprocess

import harness as h

h.need("growth")


def growth(profile, *options, status=0):
    result = subprocess.run([h.MEMPROF, "growth", *options, profile], capture_output=True, text=True, timeout=120)
    h.equal(result.returncode, status, f"memprof growth {' '.join(options)}: status ({result.stderr.strip()[:300]})")
    return result


def verdicts(profile, *options, status=0):
    document = json.loads(growth(profile, "--json", "-", *options, status=status).stdout)
    return {h.plain_name(row["function"]): row for row in document["growth"]["rows"]}, document["growth"]


# ---- functions that each take their own course
run = h.profile([h.target("growth"), "5"])
rows, document = verdicts(run.profile)
h.check(document["points"] >= 8, f"enough checkpoints in five seconds: {document['points']}")
for function, wanted in (("keep_all", "grows"), ("keep_until_end", "grows"), ("use_cache", "levelled")):
    h.equal(rows.get(function, {}).get("verdict"), wanted, f"{function}: {rows.get(function, {}).get('text')}")
for function in ("make_table", "work"):
    h.check(rows.get(function, {}).get("verdict") not in ("grows", "levelled"), f"{function} neither grows nor fills")
h.equal(document["growing"], 2, "two of them grow")
kept = rows["keep_all"]
h.check(kept["slope_low"] <= kept["slope"] <= kept["slope_high"], "the slope lies in its interval")
h.equal(kept["live_blocks"], run.stated["steps"], "what is kept is there at the end")
h.equal(rows["keep_until_end"]["live_blocks"], 0, "what is freed at the end is not, and found all the same")
h.check("freed at the end" in rows["keep_until_end"]["text"], f"and that is said: {rows['keep_until_end']['text']}")
h.check("freed at the end" not in kept["text"], f"of the other it is not: {kept['text']}")
h.check(kept["last_bytes"] - kept["first_bytes"] > 0.8 * kept["live_bytes"], "the points span the run")

text = growth(run.profile).stdout
h.check("growing: suspects" in text and "levelled off" in text, f"the text names both: {text}")
h.check(" lately " in text, f"what levelled off has its present slope, not that of when it filled: {text}")
h.check(growth(run.profile, "--fail-on-suspect", status=24).stderr.count("grow without bound") == 1, "the gate says why")
grouped, _ = verdicts(run.profile, "-g", "function", "--include", "function=keep_all")
h.equal(list(grouped), ["keep_all"], "filters hold")
table = list(csv.DictReader(io.StringIO(growth(run.profile, "--csv", "-").stdout)))
h.equal({r["verdict"] for r in table} - {"grows", "levelled", "steady", "unclear"}, set(), "the CSV has verdicts")
h.equal(sum(r["verdict"] == "grows" for r in table), 2, "and the same suspects")
everything, _ = verdicts(run.profile, "--min-bytes", "1GiB")
h.equal(everything, {}, "nothing rose by a GiB")

# ---- the same without those that grow
run = h.profile([h.target("growth"), "3", "quiet"])
rows, document = verdicts(run.profile, "--fail-on-suspect")
h.equal(document["growing"], 0, f"nothing grows: {[r['text'] for r in rows.values() if r['verdict'] == 'grows']}")
h.check("nothing grows without bound" in growth(run.profile).stdout, "and that is said")

# ---- too short, and made of several
run = h.profile([h.target("plain")])
text = growth(run.profile, "--fail-on-suspect").stdout
h.check("fewer than 8 points tell nothing" in text, f"a short run has no verdict, and why is said: {text}")
merged = run.profile + ".merged"
subprocess.run([h.MEMPROF, "merge", "-q", "-o", merged, run.profile, h.profile([h.target("plain")]).profile], check=True, timeout=60)
h.check("merged profile has no checkpoints" in growth(merged).stdout, "a merged profile says that it cannot tell")

# ---- as it runs: snapshots count as well
run = h.profile([h.target("growth"), "1"], "--snapshot-every", "50ms")
rows, document = verdicts(run.profile)
h.check(document["points"] >= 15, f"snapshots are points: {document['points']}")
h.equal(rows.get("keep_all", {}).get("verdict"), "grows", "so a second is enough")

h.finish()
