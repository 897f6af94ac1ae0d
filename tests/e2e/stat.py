# SPDX-License-Identifier: Apache-2.0
"""memprof stat: what a profile holds, and files that are cut short or still being written."""
import json
import os
import re
import signal
import subprocess
import sys
import time

import harness as h

run = h.profile([h.target("entry-points")])


def memprof(*arguments, status=0, **variables):
    done = subprocess.run([h.MEMPROF, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **variables})
    h.equal(done.returncode, status, f"memprof {' '.join(arguments)}: status ({done.stderr.strip()[:200]})")
    return done.stdout


text = memprof("stat", run.profile, LC_ALL="C.UTF-8")
h.check(re.search(r"^entry-points \(pid \d+\) ran [\d.]+ s, exit 0$", text, re.M), "who ran")
h.check(re.search(r"^  command +.*entry-points$", text, re.M), "the command")
h.check(re.search(r"^  started +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} on \S+, recorded by memprof \d", text, re.M), "when and where")
h.check("[ Domains ]" not in text, "one domain needs no table")
maps = h.profile([h.target("maps")])
h.check(re.search(r"^\[ Domains \]\n  heap +live .*\n  mmap +live .* peak .* allocated .* blocks$", memprof("stat", maps.profile), re.M), "several domains have one")
h.check("[ Live bytes over time ]" in text and "\u2588" in text and "\u2514" in text, "the plot in UTF-8")
h.check(re.search(r"^ +P peak$", text, re.M), "the peak is marked")
h.check(re.search(r"^\[ Moments: no snapshots \]\npeak +[\d.]+ s +[\d.]+ [KM]iB .*\nexit +[\d.]+ s +3\.0 MiB +12 blocks$", text, re.M), "peak and exit are listed")
plain = memprof("stat", run.profile, LC_ALL="C")
h.check(plain.isascii() and "Live bytes over time" in plain, "in the C locale it is ASCII")
h.equal(memprof("stat", "--ascii", run.profile, LC_ALL="C.UTF-8"), plain, "--ascii is the same anywhere")
for width in (60, 80, 200):
    lines = memprof("stat", "--width", str(width), run.profile, LC_ALL="C.UTF-8").split("[ Live bytes")[1].split("[ Moments")[0].splitlines()
    h.check(max(map(len, lines)) <= width, f"the plot fits {width} columns: {max(map(len, lines))}")

doc = json.loads(memprof("stat", "--json", "-", run.profile))
top = run.top()
for key in ("process", "totals", "loss", "timeline"):
    h.equal(doc[key], top[key], f"{key} is that of top")
h.equal([d["name"] for d in doc["domains"][:2]], ["heap", "mmap"], "domains by name")
h.equal(doc["domains"][0]["live_bytes"], doc["totals"]["live_bytes"], "the heap's live bytes")
h.equal((doc["snapshots"], doc["filtered"]), ([], None), "no snapshots, no filters")
with_filter = json.loads(memprof("stat", "--json", "-", "--include", "function=use_big", run.profile))["filtered"]
h.equal(with_filter["live_bytes"], run.top("--by", "live", "--include", "function=use_big")["view"]["size"], "what passes the filter, as in top")
h.check(re.search(r"^exit .* of 3\.0 MiB$", memprof("stat", "--include", "function=use_big", run.profile), re.M), "and in the text")
memprof("stat", "--snapshot", "7", run.profile, status=2)
memprof("stat", "-t", "3", run.profile, status=2)
memprof("stat", status=2)

# Snapshots: listed with what they hold, and each a moment that can be looked at.
script = """import sys
kept = []
for i in range(3):
    kept.append([bytes(3000 + i) for _ in range(1000)])
    print(i, flush=True)
    sys.stdin.readline()
del kept[1:]
print('freed', flush=True)
sys.stdin.readline()
"""
taken = os.path.join(h.scratch, "taken.mprof")
host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", taken, "--", sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                        env={**os.environ, "PYTHONMALLOC": "malloc"})
with open(f"/proc/{host.pid}/task/{host.pid}/children") as f:
    pid = f.read().split()
for label in ("first", "second", "third", "freed"):
    host.stdout.readline()
    if not pid:
        with open(f"/proc/{host.pid}/task/{host.pid}/children") as f:
            pid = f.read().split()
    memprof("snapshot", pid[0], "-l", label)
    host.stdin.write("\n")
    host.stdin.flush()
host.stdin.close()
h.equal(host.wait(timeout=60), 0, "the program ends")
text = memprof("stat", taken)
h.check(re.search(r"^\[ Moments: 4 snapshots \]\n#1 +first +[\d.]+ s +[\d.]+ MiB +[\d,]+ blocks .*by memprof snapshot\n#2 +second .*\n#3 +third .*\n#4 +freed .*\npeak .*\nexit ", text, re.M), "they are listed")
doc = json.loads(memprof("stat", "--json", "-", "--include", "thread=*", taken))
# Each has its sign in its column; how far apart they are is up to the machine: those too near one another have a star, and the peak stands before all.
lines = text.splitlines()
axis = next(line for line in lines if re.match(r" *0 B [└+]", line))
signs = next(above for above, line in zip(lines, lines[1:]) if line.strip().startswith("P peak"))
signs = signs.ljust(len(axis))[re.match(r" *0 B [└+]", axis).end():]
moments = [(s["seconds"], str(s["number"])) for s in doc["snapshots"]] + [(doc["totals"]["peak_seconds"], "P")]
for seconds, sign in moments:
    column = seconds / doc["process"]["seconds"] * len(signs)
    near = {signs[min(int(column + rounding), len(signs) - 1)] for rounding in (-0.001, 0.001)}
    h.check(near & ({"P"} if sign == "P" else {sign, "*", "P"}), f"{sign} is marked below the plot: {signs}")
h.equal(set(signs) - set(" 1234*P"), set(), "and nothing else is")
sizes = [s["live_bytes"] for s in doc["snapshots"]]
h.check(sizes[0] + 2_900_000 < sizes[1] and sizes[1] + 2_900_000 < sizes[2] and sizes[3] + 5_800_000 < sizes[2], f"they grow by 3 MB each, and shrink: {sizes}")
for s in doc["snapshots"]:
    name = f"snapshot {s['number']}"
    h.equal(s["filtered_bytes"], s["live_bytes"], f"{name}: a filter that all passes gives all")
    for group in ("line", "traceback", "size-class"):
        rows = json.loads(memprof("top", "--snapshot", str(s["number"]), "-g", group, "--json", "-", taken))
        h.equal((rows["view"]["size"], rows["view"]["count"]), (s["live_bytes"], s["live_blocks"]), f"{name}: sum over {group}s is what was live")
        h.equal((sum(r["size"] for r in rows["stats"]), rows["view"]["by"]), (s["live_bytes"], "live"), f"{name}: and so is that of the rows")
    rows = json.loads(memprof("top", "--snapshot", s["label"], "--by", "total", "--json", "-", taken))
    h.equal((rows["view"]["size"], rows["view"]["count"]), (s["total_bytes"], s["total_blocks"]), f"{name}: allocated until then")
    h.equal(rows["view"]["snapshot"]["number"], s["number"], f"{name}: found by its label")
h.check("[ Top 10 lines by bytes live at snapshot 3 (third) ]" in memprof("top", "--snapshot", "third", taken), "the title names the moment")
h.check("by bytes live at snapshot 4 (freed)" in memprof("top", "--snapshot", "last", taken), "--snapshot last")
h.check("by blocks allocated until snapshot 2 (second)" in memprof("top", "--snapshot", "2", "--by", "count", taken), "allocated until then")
one = memprof("stat", "--snapshot", "second", taken)
h.check(re.search(r"^\[ Moments: 1 snapshot \]\n#2 +second ", one, re.M) and "#1" not in one, "--snapshot lists that one")
memprof("top", "--snapshot", "2", "--by", "peak", taken, status=2)

# A file that is cut short says so in every report; where the cut is decides what is left.
size = os.path.getsize(run.profile)
cut = os.path.join(h.scratch, "cut.mprof")
told = 0
for left in range(size - 1, size // 2, -max(size // 40, 1)):
    with open(run.profile, "rb") as f, open(cut, "wb") as g:
        g.write(f.read(left))
    done = subprocess.run([h.MEMPROF, "stat", cut], capture_output=True, text=True)
    if done.returncode == 65:
        h.check(len(done.stderr.splitlines()) == 1, f"cut at {left}: one line, not {done.stderr!r}")
        continue
    h.equal(done.returncode, 0, f"cut at {left}: status")
    h.check(re.search(r"^  note: this file is cut short at byte [\d,]+ of [\d,]+: ", done.stdout, re.M), f"cut at {left}: said by stat")
    h.check("note: this file is cut short at byte" in memprof("top", cut), f"cut at {left}: said by top")
    loss = json.loads(memprof("top", "--json", "-", cut))["loss"]
    h.check(loss["incomplete"] and loss["cut_size"] == left and loss["cut_offset"] <= left, f"cut at {left}: said in JSON: {loss}")
    told += 1
h.check(told, "some cuts leave something to show")

# While the program runs, and after its host was killed.
script = "import sys,time\nx=[b'x'*100000 for i in range(50)]\nprint('ready',flush=True)\nsys.stdin.readline()"
live = os.path.join(h.scratch, "live.mprof")
host = subprocess.Popen([h.MEMPROF, "run", "-q", "-o", live, "--", sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
host.stdout.readline()
for _ in range(600):
    found = subprocess.run([h.MEMPROF, "top", live], capture_output=True, text=True)
    if found.returncode == 0 and re.search(r"live at end +[1-9.]+ [KM]iB", found.stdout):
        break
    time.sleep(0.05)
h.check("note: still being recorded: this is the state " in found.stdout, f"top of a running program's file: {found.stdout[:300]!r} {found.stderr!r}")
running = json.loads(memprof("stat", "--json", "-", live))
h.check(running["loss"]["running"] and running["loss"]["incomplete"], f"JSON of a running program's file: {running['loss']}")
h.check(running["totals"]["live_bytes"] > 0, "with what it held")
host.send_signal(signal.SIGKILL)
host.wait()
host.stdin.close()
after = memprof("stat", live)
h.check(re.search(r"^  note: this file was never finished: it shows the state [\d.]+ s into the run$", after, re.M), f"after the host was killed: {after[:400]!r}")
h.check("its end was not seen" in after.splitlines()[0], "and no end is made up")
h.finish()
