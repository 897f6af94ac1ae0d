# SPDX-License-Identifier: Apache-2.0
"""Profiles compared: runs, builds, folders, stripped programs, limits of growth, baselines."""
import csv
import io
import json
import os
import shutil
import socket
import subprocess
import time

import harness as h

PROGRAM = """#include <stdlib.h>
static void *kept[100000];
static int count;
{above}
void *take(int size)
{{
    char *key = malloc(16);
    kept[count++] = key;
    kept[count++] = malloc(size);
    return kept[count - 1];
}}
{between}
void leak(int rounds)
{{
    for (int i = 0; i < rounds; i++)
        {call}(200);
}}
int main(int argc, char **argv)
{{
    leak(atoi(argv[1]));
    kept[count++] = malloc(5000);
    return kept[0] == kept[count - 1];
}}
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.utime(path, (1_600_000_000, 1_600_000_000))  # older than any run
    return path


def source(folder, above="", between="", call="take"):
    text = PROGRAM.format(above=above, between=between, call=call)
    return write(os.path.join(h.scratch, folder, "cache.c"), text)


def build(*sources, name=None, options=()):
    program = name or sources[0][:-2]
    h.bare([os.environ.get("CC", "cc").split()[0], "-g", "-O1", "-fno-builtin", "-fno-inline", *options, "-o", program,
            *sources], check=True)
    return program


def run(program, rounds):
    profile = h.profile([program, str(rounds)])
    h.check(os.path.exists(profile.profile), f"{program} was recorded: {profile.err[:200]}")
    return profile.profile


def memprof(*arguments, status=0):
    result = subprocess.run([h.MEMPROF, *arguments], capture_output=True, text=True, timeout=120)
    h.equal(result.returncode, status, f"memprof {' '.join(arguments)}: status ({result.stderr.strip()[:300]})")
    return result


def diff(*arguments, status=0):
    text = memprof("diff", "--json", "-", *arguments, status=status).stdout
    return json.loads(text) if text else {"stats": [], "matching": {}, "old": {}, "new": {}, "view": {}}


def line_of(path, text):
    with open(path) as f:
        return 1 + next(i for i, line in enumerate(f) if text in line)


def rows_of(document, function):
    return {(r["line"], r["status"]): r for r in document["stats"] if h.plain_name(r["function"]) == function}


def numbers(row):
    return {k: row[k] for k in ("size", "size_diff", "count", "count_diff")}


def matched(document):
    return {k: v["rows"] for k, v in document["matching"].items() if isinstance(v, dict) and v["rows"]}


one = source("one")
old = run(build(one), 100)
key, value = line_of(one, "malloc(16)"), line_of(one, "malloc(size)")

# ---- the same program twice: other addresses, the same places
again = run(os.path.join(h.scratch, "one/cache"), 1000)
d = diff(old, again)
h.equal(matched(d), {"line": 3}, "the same program: all lines by line")
h.equal(numbers(rows_of(d, "take")[value, "changed"]),
        {"size": 200_000, "size_diff": 180_000, "count": 1000, "count_diff": 900}, "the same program: the leak")
h.equal([r["status"] for r in d["stats"]], ["changed", "changed", "same"], "the same program: statuses, largest first")
h.equal((d["old"]["size"], d["new"]["size"], d["view"]["size_diff"]), (26_600, 221_000, 194_400), "the same program: sums")
d = diff("-g", "traceback", old, again)
h.equal((matched(d), [r["status"] for r in d["stats"]]), ({"line": 3}, ["changed", "changed", "same"]),
        "the same program: whole stacks")
back = diff(again, old)
h.equal([r["size_diff"] for r in back["stats"]], [-180_000, -14_400, 0], "the other way round it shrinks")
d = diff(old, old)
h.equal({r["status"] for r in d["stats"]}, {"same"}, "a profile against itself")
text = memprof("diff", old, old).stdout
h.check("no differences" in text, f"a profile against itself says so: {text!r}")
copy = shutil.copy(old, os.path.join(h.scratch, "copy@1.mprof"))
h.check("no differences" in memprof("diff", copy, copy + "@peak").stdout, "an @ in a name that exists belongs to the name")

# ---- another build, with lines inserted above: by the lines' text
two = source("two", above="// one\n// two\n// three\n")
new = run(build(two), 1000)
d = diff(old, new)
row = rows_of(d, "take").get((value + 3, "changed"))
if h.check(row is not None, f"lines inserted: the sites are paired, got {list(rows_of(d, 'take'))}"):
    h.equal(numbers(row), {"size": 200_000, "size_diff": 180_000, "count": 1000, "count_diff": 900}, "lines inserted: numbers")
    h.equal((row["matched_by"], row["moved_from"]), ("text", {"file": one, "line": value}), "lines inserted: how")
h.equal(matched(d), {"text": 3}, "lines inserted: all by text")
h.equal(matched(diff("-g", "traceback", old, new)), {"text": 3}, "lines inserted: whole stacks too")
text = memprof("diff", old, new).stdout
h.check(f"cache.c:{value + 3} in take" in text and f"(moved from cache.c:{value})" in text, f"lines inserted: the text\n{text}")
h.check("kept[count++] = malloc(size);" in text, "lines inserted: the source is shown")
h.check("[ Top 3 differences by bytes live ]" not in text and "[ Top 2 differences by bytes live ]" in text, "what did not change is not listed")
h.check("+176 KiB (now 195 KiB)" in text and "+900 blocks (now 1,000, 200 B each)" in text, f"the row:\n{text}")
h.check("live +190 KiB (+730.8 %): from 26.0 KiB to 216 KiB, +1,800 blocks" in text, f"the sum:\n{text}")
h.check("lines matched: 0 by line, 3 by line's text" in text and "0 unmatched" in text, f"how they were matched:\n{text}")

# ---- the same without the old source: by function, in order
os.rename(one, one + ".away")
d = diff(old, new)
h.equal(matched(d), {"function": 3}, "the old source is gone: by function")
h.check((value + 3, "changed") in rows_of(d, "take") and (key + 3, "changed") in rows_of(d, "take"),
        "the old source is gone: both lines of the function are paired in order")
os.rename(one + ".away", one)

# ---- one line inserted so that old and new line numbers meet: 16 bytes must not become `size`
meeting = source("meeting", above="//\n//")
new = run(build(meeting), 100)
d = diff(old, new)
h.equal({r["status"] for r in d["stats"]}, {"same"}, "moved by as much as the lines are apart: nothing changed")
os.rename(one, one + ".away")
h.equal({r["status"] for r in diff(old, new)["stats"]}, {"same"}, "the same without the source")
os.rename(one + ".away", one)

# ---- the function now lies in another file
part = write(os.path.join(h.scratch, "moved/store.c"), """#include <stdlib.h>
extern void *kept[];
extern int count;
void *take(int size)
{
    char *key = malloc(16);
    kept[count++] = key;
    kept[count++] = malloc(size);
    return kept[count - 1];
}
""")
rest = write(os.path.join(h.scratch, "moved/cache.c"), """#include <stdlib.h>
void *kept[100000];
int count;
void *take(int size);
void leak(int rounds)
{
    for (int i = 0; i < rounds; i++)
        take(200);
}
int main(int argc, char **argv)
{
    leak(atoi(argv[1]));
    kept[count++] = malloc(5000);
    return kept[0] == kept[count - 1];
}
""")
new = run(build(rest, part), 1000)
d = diff(old, new)
row = rows_of(d, "take").get((line_of(part, "malloc(size)"), "changed"), {})
h.equal((row.get("file"), row.get("moved_from")), (part, {"file": one, "line": value}), "moved to another file")
h.equal(row.get("size_diff"), 180_000, "moved to another file: the difference")

# ---- an added caller: lines are the same, stacks are not
caller = source("caller", between="__attribute__((noinline)) void *through(int size)\n{\n    void *p = take(size);\n"
                                  "    return p ? p : kept;\n}\n", call="through")
new = run(build(caller), 100)
h.equal({r["status"] for r in diff(old, new)["stats"]}, {"same"}, "an added caller: lines")
d = diff("-g", "traceback", old, new)
h.equal(sorted(r["status"] for r in d["stats"]), ["gone", "gone", "new", "new", "same"], "an added caller: stacks")
h.equal({r["matched_by"] for r in d["stats"] if r["status"] in ("new", "gone")}, {None}, "an added caller: unmatched")

# ---- stripped programs: by offset in one build, never across builds
if shutil.which("strip"):
    bare = shutil.copy(os.path.join(h.scratch, "one/cache"), os.path.join(h.scratch, "bare"))
    h.bare(["strip", bare], check=True)
    d = diff(run(bare, 100), run(bare, 1000))
    h.equal((sorted(r["size_diff"] for r in d["stats"]), matched(d)), ([0, 14_400, 180_000], {"line": 3}),
            "stripped, one build: by offset")
    other = shutil.copy(os.path.join(h.scratch, "caller/cache"), os.path.join(h.scratch, "bare2"))
    h.bare(["strip", other], check=True)
    d = diff(run(bare, 100), run(other, 100))
    h.equal({r["status"] for r in d["stats"]}, {"new", "gone"}, "stripped, two builds: nothing is guessed")
    committed = os.path.join(h.scratch, "bare.json")
    memprof("top", "--by", "live", "--json", committed, run(bare, 100))
    d = diff("--baseline", committed, run(bare, 1000))
    h.equal((sorted(r["size_diff"] for r in d["stats"]), matched(d)), ([0, 14_400, 180_000], {"line": 3}),
            "stripped, a baseline of the same build: by offset")
    d = diff("--baseline", committed, run(other, 100))
    h.equal({r["status"] for r in d["stats"]}, {"new", "gone"}, "stripped, a baseline of another build: nothing is guessed")
    whole = run(os.path.join(h.scratch, "one/cache"), 100)
    for before, after, sign in ((whole, run(bare, 1000), 1), (run(bare, 1000), whole, -1)):
        d = diff(before, after)
        h.equal((sorted(sign * r["size_diff"] for r in d["stats"]), matched(d)), ([0, 14_400, 180_000], {"line": 3}),
                "a program and its stripped copy")
        h.equal({h.plain_name(r["function"] or "") for r in d["stats"]}, {"take", "main"}, "the names are of the one that has them")

# ---- two folders
here, there = source("here/src"), source("there/build/src", above="// moved\n")
a = run(build(here, name=os.path.join(h.scratch, "here/cache")), 100)
b = run(build(there, name=os.path.join(h.scratch, "there/cache")), 1000)
d = diff("--strip-prefix", h.scratch + "/here", "--strip-prefix", h.scratch + "/there/build", a, b)
h.equal({r["file"] for r in d["stats"]}, {"src/cache.c"}, "--strip-prefix: paths")
h.equal(matched(d), {"text": 3}, "--strip-prefix: matched")
d = diff("--map-path", f"{h.scratch}/there/build={h.scratch}/here", a, b, "--include", h.scratch + "/here/src/*")
h.equal(({r["file"] for r in d["stats"]}, len(d["stats"])), ({here}, 3), "--map-path: paths and filters")
h.check(all(not r["moved_from"] or r["moved_from"]["line"] == r["line"] - 1 for r in d["stats"]), "--map-path: lines")
d = diff("-g", "file", a, b)
h.equal([r["status"] for r in d["stats"]], ["changed"], "files of one name are one row")

# ---- views
h.equal([(h.plain_name(r["function"]), r["size_diff"]) for r in diff("-g", "function", a, b)["stats"]],
        [("take", 194_400), ("main", 0)], "by function")
cumulative = {h.plain_name(r["function"]): r["size_diff"] for r in diff("-g", "function", "--cumulative", a, b)["stats"]}
h.equal([cumulative.get(f) for f in ("take", "leak", "main")], [194_400] * 3, "--cumulative")
h.equal([r["count_diff"] for r in diff("--by", "count", "-t", "1", a, b)["stats"]], [900], "--by count, -t")
h.equal(len(diff("--min-size", "100K", a, b)["stats"]), 1, "--min-size is about the difference")
h.equal([r["size_diff"] for r in diff("--exclude", "function=take", a, b)["stats"]], [0], "--exclude")
d = diff("--exclude", "function=take", a, b)
h.equal((d["view"]["filtered_size_diff"], d["view"]["exclude"]), (194_400, ["function=take"]), "what --exclude leaves out")
text = memprof("diff", "--exclude", "function=take", a, b).stdout
h.check("left out by the filters: +190 KiB" in text, f"what --exclude leaves out is said:\n{text}")
h.check("left out" not in memprof("diff", a, b).stdout, "without filters nothing is left out")
h.equal(diff(a + "@peak", b + "@peak")["view"]["size_diff"], 194_400, "at the peak")
h.equal([r["size_diff"] for r in diff("--reverse", a, b)["stats"]][:2], [14_400, 180_000], "--reverse")
table = list(csv.DictReader(io.StringIO(memprof("diff", "--csv", "-", a, b).stdout, newline="")))
h.equal([(int(r["size_diff"]), int(r["count"]), r["status"], h.plain_name(r["function"])) for r in table],
        [(180_000, 1000, "changed", "take"), (14_400, 1000, "changed", "take"), (0, 1, "same", "main")], "--csv")

# ---- snapshots
message = memprof("diff", a, status=2).stderr
h.check("no snapshots to compare" in message and "--snapshot-every" in message, f"no snapshots: {message!r}")
message = memprof("diff", a + "@3", b, status=2).stderr
h.check("3" in message and a in message, f"no such snapshot: {message!r}")
memprof("diff", a + "@peak", status=2)
memprof("diff", "--by", "total", a + "@peak", b, status=2)

growing = build(write(os.path.join(h.scratch, "growing/grow.c"), """#include <stdlib.h>
#include <time.h>
static void *kept[1000];
int main(void)
{
    for (int i = 0; i < 1000; i++) {
        kept[i] = malloc(1000);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return 0;
}
"""))
taken = h.profile([growing], "--snapshot-every", "100ms")
stat = json.loads(memprof("stat", "--json", "-", taken.profile).stdout)
snapshots = stat.get("snapshots", [])
if h.check(len(snapshots) >= 2, f"snapshots were taken: {len(snapshots)}"):
    first, last = snapshots[0], snapshots[-1]
    d = diff(taken.profile)
    h.equal(d["view"]["size_diff"], last["live_bytes"] - first["live_bytes"], "a file alone: its first snapshot against its last")
    h.check(d["matching"]["same_profile"] and d["view"]["size_diff"] > 0, "by identity, and it grew")
    n = last["number"]
    h.equal(diff(f"{taken.profile}@1", f"{taken.profile}@{n}")["stats"], d["stats"], "the same by numbers")
    h.equal(diff(f"{taken.profile}@{n}", f"{taken.profile}@1")["view"]["size_diff"], -d["view"]["size_diff"], "and backwards")
    d = diff(f"{taken.profile}@last", taken.profile)
    h.equal((d["view"]["size_diff"], d["old"]["moment"].split()[0]), (1_000_000 - last["live_bytes"], "snapshot"), "the last against the exit")
    memprof("diff", "--by", "peak", taken.profile, status=2)
    text = memprof("diff", taken.profile).stdout
    h.check("snapshot 1" in text and f"snapshot {n}" in text and "lines matched" not in text, f"the moments are named:\n{text}")
    h.check("grow.c:7 in main" in text and "kept[i] = malloc(1000);" in text, f"the line:\n{text}")

# ---- limits of growth: 26,600 bytes became 221,000, 194,400 more
for limit, status in [("194400", 0), ("194399", 24), ("194400B", 0), ("189.8K", 24), ("189.9KiB", 0), ("1MiB", 0),
                      ("730.9%", 0), ("730.8%", 24), ("0", 24), ("5%", 24)]:
    complaint = memprof("diff", "--fail-on-growth", limit, a, b, status=status).stderr
    if status:
        h.check("live grew by 190 KiB (+730.8 %)" in complaint and f"the {limit} allowed" in complaint, f"what is said: {complaint!r}")
memprof("diff", "--fail-on-growth", "0", b, a)
memprof("diff", "--fail-on-growth", "1800", "--by", "count", a, b)
memprof("diff", "--fail-on-growth", "1799", "--by", "count", a, b, status=24)
memprof("diff", "--fail-on-growth", "0%", "--include", "function=main", a, b)
memprof("diff", "--fail-on-growth", "1000%", "--include", "function=nothing", a, b)
nothing = run(build(write(os.path.join(h.scratch, "nothing/cache.c"), "int main(void) { return 0; }\n")), 0)
memprof("diff", "--fail-on-growth", "100000%", nothing, a, status=24)

# ---- baselines
for group, by in [("line", "live"), ("traceback", "total"), ("function", "live"), ("line", "peak")]:
    committed = os.path.join(h.scratch, f"{group}-{by}.json")
    memprof("top", "-g", group, "--by", by, "--json", committed, a)
    d = diff("--baseline", committed, b)
    h.equal([(r["size_diff"], r["status"]) for r in d["stats"]], [(r["size_diff"], r["status"]) for r in diff("-g", group, "--by", by, a, b)["stats"]],
            f"a baseline of {group}s by {by} is as good as the profile")
    h.equal((d["view"]["group_by"], d["view"]["by"]), (group, by), "the baseline says what is compared")
    memprof("diff", "--baseline", committed, "--fail-on-growth", "0", a)
    memprof("diff", "--baseline", committed, "--fail-on-growth", "5%", b, status=24)
    h.check("no differences" in memprof("diff", "--baseline", committed, a).stdout, "a baseline against what it was made of")
memprof("diff", "--baseline", os.path.join(h.scratch, "function-live.json"), "-g", "line", b, status=2)
memprof("diff", "--baseline", os.path.join(h.scratch, "line-live.json"), "--by", "peak", b, status=2)
counted = os.path.join(h.scratch, "counted.json")
memprof("top", "--by", "count", "--json", counted, a)
memprof("diff", "--baseline", counted, "--fail-on-growth", "1MiB", b, status=2)
memprof("diff", "--baseline", counted, "--fail-on-growth", "1800", b)
memprof("diff", "--baseline", counted, "--fail-on-growth", "1799", b, status=24)
memprof("diff", "--baseline", h.scratch, b, status=1)
at_peak = os.path.join(h.scratch, "at-peak.json")
memprof("top", "--snapshot", "peak", "--json", at_peak, a)
h.check("the baseline is of the peak" in memprof("diff", "--baseline", at_peak, b + "@peak").stdout, "a baseline of a moment says so")
cut = os.path.join(h.scratch, "cut.json")
memprof("top", "--by", "live", "-t", "1", "--json", cut, a)
text = memprof("diff", "--baseline", cut, a).stdout
h.check("2 rows of the baseline were left out" in text and "live +0 B" in text, f"a baseline cut by -t says so: {text}")
with open(cut) as f:
    good = json.load(f)
for what, change in [("another schema", {"schema_version": 99}), ("no rows", {"stats": None}), ("a list", []),
                     ("no view", {"view": {}}), ("a negative number", {"stats": [{**good["stats"][0], "size": -1}]}),
                     ("a row that is none", {"stats": [7]}),
                     ("a frame that is none", {"stats": [{**good["stats"][0], "traceback": ["main"]}]}),
                     ("an address that is none", {"stats": [{**good["stats"][0], "traceback": [{**good["stats"][0]["traceback"][0], "offset": "x"}]}]})]:
    bad = write(os.path.join(h.scratch, "bad.json"), json.dumps({**good, **change} if isinstance(change, dict) else change))
    memprof("diff", "--baseline", bad, a, status=65)
memprof("diff", "--baseline", os.path.join(h.scratch, "no-such.json"), a, status=1)


# ---- a program that nobody compiled for this
def redis(values):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]

    def client():
        for _ in range(200):
            if subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout == b"PONG\n":
                break
            time.sleep(0.1)
        commands = "".join(f"SET key:{i} {'x' * 500}\n" for i in range(values))
        subprocess.run(["redis-cli", "-p", str(port), "--pipe"], input=commands.encode(), capture_output=True)
        subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], capture_output=True)

    return h.profile(["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", h.scratch], client=client)


if shutil.which("redis-server") and shutil.which("redis-cli"):
    first, second = redis(1000), redis(5000)
    if h.check(first.doc and second.doc, f"redis-server was recorded: {first.err[:200]}"):
        d = diff(first.profile, second.profile)
        lines = d["matching"]["line"]["rows"]
        h.check(lines >= 20 and d["matching"]["text"]["rows"] == d["matching"]["function"]["rows"] == 0,
                f"redis-server, one build: only by place, {matched(d)}")
        h.equal(d["new"]["size"] - d["old"]["size"], sum(r["size_diff"] for r in d["stats"]), "redis-server: rows sum up")
        values = [r for r in d["stats"] if r["count_diff"] == 4000 and r["size_diff"] >= 4000 * 500]
        h.check(len(values) >= 1, "redis-server: 4,000 values more are a row")
        for group in ("traceback", "function", "thread", "module"):
            g = diff("-g", group, first.profile, second.profile)
            h.equal(sum(r["size_diff"] for r in g["stats"]), d["view"]["size_diff"], f"redis-server by {group}: rows sum up")

h.finish()
