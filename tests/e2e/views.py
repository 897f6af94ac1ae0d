# SPDX-License-Identifier: Apache-2.0
"""One profile through every option of `memprof top`: whatever the view, its numbers add up to the same whole."""
import csv
import io
import json
import os
import re
import subprocess

import harness as h

run = h.profile([h.target("entry-points")])
GROUPS = ("line", "function", "file", "module", "thread", "traceback", "size-class")
ORDERS = ("peak", "live", "total", "count", "temporary", "average")


def top(*options, status=0):
    done = subprocess.run([h.MEMPROF, "top", *options, run.profile], capture_output=True, text=True, timeout=60)
    h.equal(done.returncode, status, f"top {' '.join(options)}: status ({done.stderr.strip()[:200]})")
    return done.stdout if status == 0 else done.stderr


def rows(*options):
    return json.loads(top("--json", "-", *options))


# Rows and rest make the whole, whatever the grouping, the order, the moment and what is left out.
totals = rows()["totals"]
wholes = {"peak": "peak_bytes", "live": "live_bytes", "total": "total_bytes", "count": "total_blocks", "temporary": "temporary_blocks"}
for group in GROUPS:
    for order in ORDERS:
        for extra in ((), ("-t", "2"), ("-t", "3", "--reverse", "--min-size", "2K"), ("--snapshot", "peak")):
            if extra[:1] == ("--snapshot",) and order not in ("peak", "live", "average"):
                continue
            doc = rows("-g", group, "--by", order, *extra)
            view = doc["view"]
            name = f"-g {group} --by {order} {' '.join(extra)}"
            h.equal(sum(r["size"] for r in doc["stats"]) + view["rest_size"], view["size"], f"{name}: bytes of rows and rest")
            h.equal(sum(r["count"] for r in doc["stats"]) + view["rest_count"], view["count"], f"{name}: blocks of rows and rest")
            if order in wholes and not extra:
                h.equal(view["count" if "blocks" in wholes[order] else "size"], totals[wholes[order]], f"{name}: the whole")
peak = rows("--snapshot", "peak")
h.equal(peak["view"]["size"], totals["peak_bytes"], "at the peak all that was live then is shown")
h.equal((peak["view"]["by"], peak["view"]["snapshot"]["label"]), ("live", "peak"), "the order and the moment are named")
h.equal(peak["stats"][0]["total_bytes"], None, "what is not known at the peak is null")

# Cumulative: the outermost function has it all, a caller at least what its callee has.
doc = rows("--cumulative", "-g", "function", "--by", "total")
by_name = {h.plain_name(r["function"]): r["size"] for r in doc["stats"]}
h.equal(by_name.get("main"), doc["view"]["size"], "main is charged with everything")
h.equal(doc["view"]["rest_size"], None, "rows that overlap have no rest")
own = {h.plain_name(r["function"]): r["size"] for r in rows("-g", "function", "--by", "total")["stats"]}
h.check(all(by_name.get(f, 0) >= size for f, size in own.items() if f), "no function has less than its own lines")
h.equal(by_name.get("use_big"), own.get("use_big"), "a function that calls none has its own only")

# Filters: what passes and what does not make the whole; several includes are a union, excludes win.
whole = rows("--by", "total")["view"]["size"]
for options in (["--include", "function=use_big"], ["--exclude", "function=use_big"], ["--include", "entry-points.c", "--exclude", "function=use_*"],
                ["--include", "function=main", "--all-frames"], ["--include", "module=entry-points"], ["--include", ":1"]):
    view = rows("--by", "total", *options)["view"]
    h.equal(view["size"] + view["filtered_size"], whole, f"{' '.join(options)}: what passes and what does not")
big = rows("--by", "total", "--include", "function=use_big")["view"]["size"]
h.equal(big, own["use_big"], "--include function=use_big is that function's bytes")
h.equal(rows("--by", "total", "--exclude", "function=use_big")["view"]["size"], whole - big, "--exclude is the rest")
both = rows("--by", "total", "--include", "function=use_big", "--include", "function=use_strdup")["view"]["size"]
h.equal(both, own["use_big"] + own["use_strdup"], "two includes are a union")
h.equal(rows("--by", "total", "--include", "function=use_*", "--exclude", "function=use_big")["view"]["size"],
        sum(s for f, s in own.items() if f.startswith("use_") and f != "use_big"), "an exclude wins over an include")
h.equal(rows("--by", "total", "--include", "function=main", "--all-frames")["view"]["size"], whole, "all stacks pass main")
line = next(r for r in rows("--by", "total")["stats"] if r["function"] == "use_big")
h.equal(rows("--by", "total", "--include", f"entry-points.c:{line['line']}")["stats"][0]["size"], line["size"], "FILE:LINE is one line")
mapped = h.profile([h.target("maps")]).top("--by", "total", "--include", "domain=mmap")
h.equal((mapped["view"]["domain"], mapped["view"]["size"]), ("all", mapped["totals"]["mmap_total_bytes"]), "domain=mmap looks beyond the heap")
h.check(mapped["view"]["size"] and mapped["view"]["filtered_size"], "and there is something in both")
text = top("--by", "total", "--include", "function=use_big")
h.check(re.search(r"^left out by the filters: .* in \d+ blocks, [\d.]+ % of all$", text, re.M), "the text says what the filters left out")
h.check("nothing that passes the filters was" in top("--include", "function=no_such"), "nothing passes: said in words")

# Averages, the smallest first, and as many as asked for by either name.
sizes = [r["size"] / r["count"] for r in rows("--by", "average")["stats"]]
h.equal(sizes, sorted(sizes, reverse=True), "--by average sorts by bytes a block")
sizes = [r["size"] for r in rows("--by", "total", "--reverse")["stats"]]
h.equal(sizes, sorted(sizes), "--reverse begins with the smallest")
h.equal(top("--limit", "3"), top("-t", "3"), "--limit is --top")
h.check("[ Bottom 3 lines by bytes allocated ]" in top("--limit", "3", "--reverse", "--by", "total"), "the title of the smallest")
small = top("--by", "total", "--min-size", "1MiB")
h.check(re.search(r"^and \d+ more lines \(of less than 1\.0 MiB\): ", small, re.M), "--min-size sums up what it leaves out")

# Size classes hold sizes of their class only.
for row in rows("-g", "size-class", "--by", "total")["stats"]:
    smallest, largest = row["smallest"], row["largest"]
    h.check(largest <= 16 or (largest - 1).bit_length() == max(smallest - 1, 1).bit_length(), f"one size class: {smallest} to {largest}")

# Stacks as traceback.format() gives them.
stack = top("-g", "traceback", "-t", "1", "--by", "total").splitlines()
where = [i for i, l in enumerate(stack) if l.startswith("#1")][0]
h.check(re.match(r"      entry-points\.c:\d+ in use_big ", stack[where + 1]), f"innermost first: {stack[where + 1]!r}")
h.check(stack[where + 2].startswith("          ") and "alloc" in stack[where + 2], f"with its source line: {stack[where + 2]!r}")
turned = top("-g", "traceback", "-t", "1", "--by", "total", "--most-recent-last", "--frames", "2").splitlines()
where = [i for i, l in enumerate(turned) if l.startswith("#1")][0]
h.check(re.match(r"      and \d+ more$", turned[where + 1]), "--frames says what it left out")
h.check(any("in use_big" in l for l in turned[where + 4:where + 6]), "--most-recent-last ends with the innermost")
one = rows("-g", "traceback", "--frames", "1")["stats"][0]
h.equal((len(one["traceback"]), one["traceback_whole"]), (1, False), "--frames cuts the JSON's tracebacks")
outer = rows("-g", "traceback", "--frames", "-1")["stats"][0]["traceback"][0]
h.equal(outer["function"], rows("-g", "traceback")["stats"][0]["traceback"][-1]["function"], "--frames -1 keeps the outermost")

# CSV: as another reader sees it, it is the JSON.
table = list(csv.DictReader(io.StringIO(top("--csv", "-", "-g", "function", "--by", "total"))))
doc = rows("-g", "function", "--by", "total")
h.equal([(int(r["size"]), int(r["count"]), r["function"] or None) for r in table], [(r["size"], r["count"], r["function"]) for r in doc["stats"]], "CSV has the JSON's rows")
h.equal(sum(int(r["total_bytes"]) for r in table), totals["total_bytes"], "a spreadsheet can sum a column")

# Folded: the weights sum up to the whole, also of what was left out.
def folded(*options):
    weights = {}
    for l in top("--folded", "-", *options).splitlines():
        frames, weight = re.fullmatch(r"(.+) (\d+)", l).groups()
        weights[frames] = weights.get(frames, 0) + int(weight)
    return weights


for order in ORDERS[:-1]:
    h.equal(sum(folded("--by", order).values()), totals[wholes[order]], f"--folded --by {order}: sum of the weights")
h.equal(sum(folded("--by", "total", "-t", "2").values()), totals["total_bytes"], "with -t they still do")
h.equal(sum(folded("--by", "total", "--include", "function=use_big").values()), own["use_big"], "filters apply to folded stacks")
h.check(any(re.search(r"(^|;)main(;.*)?;use_big$", f) for f in folded("--by", "total")), "outermost first")

# Several at once, to files.
paths = {kind: os.path.join(h.scratch, "out." + kind) for kind in ("json", "csv", "folded")}
h.equal(top(*(w for kind, path in paths.items() for w in ("--" + kind, path))), "", "with files nothing is printed")
h.check(all(os.path.getsize(p) for p in paths.values()), "all three files are written")

# Combinations that make no sense: one line, status 2.
for options, why in (("--cumulative -g thread", "--cumulative goes with"), ("--snapshot peak --by total", "not known at the peak"),
                     ("--snapshot 3 --by peak", "--snapshot peak"), ("--all-frames", "--include"), ("--frames 3", "--group-by traceback"),
                     ("--folded - --csv -", "only one of"), ("--folded - -g line", "--group-by"), ("--folded - --by average", "averages"),
                     ("--min-size 3Q", "3Q"), ("--include function:x", "function=x"), ("--include x.c:0", "line's number"),
                     ("--domain pool", "heap, mmap, ignored"), ("--frames x -g traceback", "number"), ("--snapshot 99", "snapshot"), ("--snapshot nonsense", "nonsense")):
    said = top(*options.split(), status=2)
    h.check(why in said.splitlines()[0], f"top {options}: {said!r}")
    h.check(len([l for l in said.splitlines() if l.startswith("memprof: ")]) == 1, f"top {options}: one line, not {said!r}")
refused = subprocess.run([h.MEMPROF, "run", "--cumulative", "-g", "thread", "true"], capture_output=True, text=True)
h.equal(refused.returncode, 125, "run refuses before it runs anything")

# The closing report of a run takes them too.
shown = subprocess.run([h.MEMPROF, "run", "-o", "/dev/null", "--cumulative", "-g", "function", "--by", "total", "--csv", paths["csv"], "--", h.target("entry-points")], capture_output=True, text=True)
h.check("functions by bytes allocated, with all they called ]" in shown.stderr, "memprof run --cumulative")
h.check(any(r["function"] == "main" for r in csv.DictReader(open(paths["csv"], newline=""))), "memprof run --csv")
h.finish()
