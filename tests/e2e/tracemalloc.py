# SPDX-License-Identifier: Apache-2.0
"""Each function and option of Python's tracemalloc, as memprof has it.

HACKING.md has the table: theirs, ours, the test here.  The target says what it
allocated; sizes and counts here are those that its source shows.
"""

import json
import os
import re
import shutil
import subprocess

from harness import MEMPROF, SOURCE, check, equal, finish, need, profile, scratch, target

MANY, FEW, DEEP = 100 * 1000, 10 * 5000, 3000


def memprof(*arguments, status=0, timeout=60):
    run = subprocess.run([MEMPROF, *arguments], capture_output=True, text=True, timeout=timeout)
    equal(run.returncode, status, f"memprof {' '.join(arguments)}: status ({run.stderr.strip()[:200]})")
    return run


def rows(run, *options):
    return run.top(*options)["stats"]


def sizes(run, *options):
    """size and count of the rows, by function."""
    return {r["function"]: (r["size"], r["count"]) for r in rows(run, *options)}


def difference(run, *options):
    doc = json.loads(memprof("diff", "--json", "-", *options, f"{run.profile}@before", f"{run.profile}@half").stdout)
    return doc


def line_of(text, name="tracemalloc.c"):
    with open(os.path.join(SOURCE, "tests/targets", name), encoding="utf-8") as f:
        return next(i for i, line in enumerate(f, 1) if text in line)


def test_is_tracing_start_stop(run):
    equal([run.stated[k] for k in ("tracing", "tracing.stopped", "tracing.again")], [1, 0, 1], "is_tracing")
    check(not any(r["largest"] == 7777 for r in rows(run)), "what was allocated while stopped is not recorded")


def test_start_nframe():
    run = profile([target("tracemalloc")], "--depth", "2")
    lengths = {sum(not f["inlined"] for f in r["traceback"]) for r in run.doc["stats"]}
    equal(lengths, {2}, "start(2), get_traceback_limit: frames of each traceback")
    check(not any(r["traceback_whole"] for r in run.doc["stats"]), "cut stacks are said to be")


def test_get_traced_memory(run):
    equal([run.stated["traced." + k] for k in ("result", "grew", "after", "peak")], [0, 100000, 0, 100000],
          "get_traced_memory: result, with a block, without it, the peak")


def test_reset_peak(run):
    equal(run.stated["traced.reset"], 0, "reset_peak: what the peak is above the current")


def test_clear_traces():
    run = profile([target("tracemalloc"), "clear"])
    equal((run.stated["cleared.current"], run.stated["cleared.peak"]), (4242, 4242), "clear_traces: current and peak")
    equal(run.doc["totals"]["live_bytes"], 4242, "clear_traces: live at exit")
    equal(run.doc["loss"]["unknown_frees"], 0, "clear_traces: frees of what was forgotten are no loss")
    equal(sizes(run, "--snapshot", "after", "-g", "function")["keep_many"], (MANY, 100), "snapshots taken before stay")


def test_get_tracemalloc_memory(run):
    equal((run.stated["overhead.result"], run.stated["overhead"]), (0, 1), "get_tracemalloc_memory")


def test_get_object_traceback_and_take_snapshot():
    """Both from outside, of a process that goes on running."""
    base = os.path.join(scratch, "outside.mprof")
    child = subprocess.Popen([MEMPROF, "run", "-q", "-o", base, "--", target("tracemalloc"), "wait"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said = {}
    while "unseen" not in said:
        line = child.stdout.readline()
        if not check(line, "the target speaks"):
            child.kill()
            return
        key, _, value = line.strip().partition("=")
        said[key] = value
    listed = [p for p in json.loads(memprof("list", "--json").stdout) if p["file"] == base]
    equal(len(listed), 1, "memprof list shows the process")
    pid = str(listed[0]["pid"]) if listed else "0"
    where = memprof("where", said["block"], "--pid", pid).stdout
    for text in ("1,000 B", "keep_many", "snapshots", "main", "many[i] = malloc(1000);"):
        check(text in where, f"get_object_traceback shows {text}: {where}")
    none = memprof("where", said["unseen"], "--pid", pid, status=1)
    check("not in a live block" in none.stderr + none.stdout, f"an object that is not traced: {none.stderr}")
    taken = memprof("snapshot", pid, "-l", "from outside").stdout
    check(re.search(r"\b4\b", taken), f"take_snapshot answers with the number: {taken}")
    live = json.loads(memprof("top", "--json", "-", "--snapshot", "from outside", base).stdout)
    equal(sum(r["size"] for r in live["stats"]), MANY // 2 + FEW + DEEP, "the snapshot's sum, of a running process")
    child.stdin.close()
    equal(child.wait(60), 0, "the target ends as it would")
    child.stdout.close()


def test_dump_load(run):
    copy = os.path.join(scratch, "copy.mprof")
    shutil.copy(run.profile, copy)
    here, there = (json.loads(memprof("top", "--json", "-", "-g", "traceback", f).stdout) for f in (run.profile, copy))
    equal(there["stats"], here["stats"], "Snapshot.dump, load: a copy of the file")


def test_filter_traces(run):
    at = ["-g", "function", "--snapshot", "after"]
    equal(sizes(run, *at, "--include", "*/tracemalloc-other.h"), {"other_file": (FEW, 10)}, "Filter(True, filename_pattern)")
    equal(set(sizes(run, *at, "--exclude", "*/tracemalloc-other.h")), {"keep_many", "recurse"}, "Filter(False, filename_pattern)")
    line = line_of("many[i] = malloc")
    equal(set(sizes(run, *at, "--include", f"tracemalloc.c:{line}")), {"keep_many"}, "Filter(True, file, lineno)")
    equal(set(sizes(run, *at, "--include", "tracemalloc.c:1")), set(), "Filter(True, file, a line that has none)")
    caller = line_of("other_file(5000)")
    equal(set(sizes(run, *at, "--include", f"tracemalloc.c:{caller}")), set(), "the most recent frame only")
    equal(set(sizes(run, *at, "--include", f"tracemalloc.c:{caller}", "--all-frames")), {"other_file"}, "all_frames")
    equal(set(sizes(run, *at, "--include", "function=keep_many", "--include", "*/tracemalloc-other.h")),
          {"keep_many", "other_file"}, "several inclusive filters: any of them")
    equal(set(sizes(run, *at, "--include", "*tracemalloc*", "--exclude", "function=recurse")),
          {"keep_many", "other_file"}, "exclusive filters win")
    equal(set(sizes(run, *at, "--include", "module=tracemalloc")), {"keep_many", "other_file", "recurse"}, "by module")
    equal(set(sizes(run, *at, "--include", "module=lib*")), set(), "by a module that has none")


def test_domain_filter(run):
    live = [(r["size"], r["count"]) for r in rows(run, "--domain", "tokens", "--by", "live")]
    equal(live, [(500, 5)], "DomainFilter(True, domain): live")
    by_filter = [(r["size"], r["count"]) for r in rows(run, "--domain", "all", "--include", "domain=tokens", "--by", "live")]
    equal(by_filter, live, "the same as a pattern")
    others = rows(run, "--domain", "all", "--exclude", "domain=tokens", "--by", "live")
    equal(sum(r["size"] for r in others if r["function"] in ("keep_many", "other_file", "recurse")),
          MANY // 2 + FEW + DEEP, "DomainFilter(False, domain)")


def test_statistics(run):
    at = ["--snapshot", "after"]
    files = {os.path.basename(r["file"]): (r["size"], r["count"]) for r in rows(run, *at, "-g", "file")}
    equal(files, {"tracemalloc.c": (MANY + DEEP, 101), "tracemalloc-other.h": (FEW, 10)}, "statistics('filename')")
    lines = {(os.path.basename(r["file"]), r["line"]): r["size"] for r in rows(run, *at, "-g", "line")}
    equal(lines, {("tracemalloc.c", line_of("many[i] = malloc")): MANY, ("tracemalloc.c", line_of("deep = malloc")): DEEP,
                  ("tracemalloc-other.h", 5): FEW}, "statistics('lineno')")
    stacks = {r["size"]: [f["function"] for f in r["traceback"]] for r in rows(run, *at, "-g", "traceback")}
    equal(stacks[DEEP][:8], ["recurse"] * 6 + ["snapshots", "main"], "statistics('traceback')")
    below = sizes(run, *at, "-g", "function", "--cumulative")
    equal(below["main"], (MANY + FEW + DEEP, 111), "cumulative: main has everything")
    equal(below["recurse"], (DEEP, 1), "cumulative: recursion counts once")
    equal(below["keep_few"], (FEW, 10), "cumulative: a caller has what it called")
    order = [r["size"] for r in rows(run, *at)]
    equal(order, sorted(order, reverse=True), "sorted, largest first")


def test_compare_to(run):
    doc = difference(run, "-g", "function")
    got = {r["function"]: (r["size"], r["size_diff"], r["count"], r["count_diff"]) for r in doc["stats"]}
    equal(got, {"keep_many": (MANY // 2, MANY // 2, 50, 50), "other_file": (FEW, FEW, 10, 10), "recurse": (DEEP, DEEP, 1, 1)},
          "compare_to: size, size_diff, count, count_diff")
    below = {r["function"]: r["size_diff"] for r in difference(run, "-g", "function", "--cumulative")["stats"]}
    equal(below["main"], MANY // 2 + FEW + DEEP, "compare_to, cumulative")
    text = memprof("diff", f"{run.profile}@after", f"{run.profile}@half").stdout
    check("-48.8 KiB" in text and "-50 blocks" in text and "keep_many" in text, f"a difference for people: {text}")


def test_traceback_format(run):
    def functions(*options):
        text = memprof("top", "-g", "traceback", "--snapshot", "after", "--include", "function=recurse", *options,
                       run.profile).stdout
        check("deep = malloc(3000);" in text, "format() has source lines")
        return re.findall(r"in (recurse|snapshots|main)\b", text)[1:]  # the first is the row's own title

    wanted = ["recurse"] * 6 + ["snapshots", "main"]
    equal(functions("--most-recent-first"), wanted, "format(most_recent_first=True)")
    equal(functions("--most-recent-last"), wanted[::-1], "format()")
    equal(functions("--most-recent-first", "--frames", "2"), ["recurse"] * 2, "format(limit=2)")


need("tracemalloc")
whole = profile([target("tracemalloc")])
if check(whole.status == 0 and whole.doc, f"the target runs: {whole.status} {whole.err}"):
    test_is_tracing_start_stop(whole)
    test_start_nframe()
    test_get_traced_memory(whole)
    test_reset_peak(whole)
    test_clear_traces()
    test_get_tracemalloc_memory(whole)
    test_get_object_traceback_and_take_snapshot()
    test_dump_load(whole)
    test_filter_traces(whole)
    test_domain_filter(whole)
    test_statistics(whole)
    test_compare_to(whole)
    test_traceback_format(whole)
finish()
