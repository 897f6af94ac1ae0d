#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memprof check: exit statuses, baselines, reports, and that nothing passes in silence."""
import html
import json
import os
import shutil
import subprocess

import harness as h

h.need("leak-gate", "leak-gate-moved")
GATE = h.target("leak-gate")
os.mkdir(os.path.join(h.scratch, "moved"))
MOVED = shutil.copy(h.target("leak-gate-moved"), os.path.join(h.scratch, "moved/leak-gate"))


def path(name):
    return os.path.join(h.scratch, name)


def read(name):
    with open(path(name), encoding="utf-8") as f:
        return f.read()


def check(options, *words, program=GATE):
    return subprocess.run([h.MEMPROF, "check", *options, "--", program, *words], capture_output=True, text=True,
                          timeout=120, cwd=h.scratch, stdin=subprocess.DEVNULL)


def ends(status, options, *words, says=(), hides=(), program=GATE, out=""):
    """The exit status, and what is on stderr; stdout stays the program's."""
    run = check(options, *words, program=program)
    what = f"check {' '.join(options)} -- {' '.join(words)}"
    h.equal(run.returncode, status, what + ": " + run.stderr.strip()[-400:])
    h.equal(run.stdout, out, what + ": stdout is the program's")
    for text in [says] if isinstance(says, str) else says:
        h.check(text in run.stderr, f"{what} says {text!r}: {run.stderr}")
    for text in hides:
        h.check(text not in run.stderr, f"{what} does not say {text!r}: {run.stderr}")
    return run


# What passes and what does not.
clean = ends(0, [], "freed", says="no leaks in leak-gate")
h.equal(len(clean.stderr.splitlines()), 1, f"a clean program has a line: {clean.stderr}")
h.equal(ends(0, ["-q"], "freed").stderr, "", "nothing is said of a clean program with -q")
ends(0, [], "held", says="no leaks")
ends(23, [], "lost", says=["300 B in 3 blocks definitely lost", "in lose_three (leak-gate)", "1 leak in leak-gate", "exit 23"])
ends(23, ["-q"], "lost", says="300 B in 3 blocks definitely lost")
ends(23, [], "below", says="24 B in 1 block definitely lost, and 96 B in 2 blocks below it")
ends(7, ["--error-exitcode", "7"], "lost")
ends(0, [], "suppressed", says="no leaks")

# Kinds and amounts.
ends(23, [], "possible", says="64 B in 1 block possibly lost")
ends(0, ["--fail-on=definite"], "possible", says="no leaks")
ends(0, ["--interior-pointers"], "possible")
ends(23, ["--fail-on", "reachable"], "held", says="still reachable")
ends(0, ["--fail-on=none"], "lost", "possible", says=["of the kinds that --fail-on names", "364 B in 4 blocks of others"])
ends(0, ["--fail-on=possible"], "lost", says=["of the kinds that --fail-on names", "300 B in 3 blocks of others"])
ends(0, ["--fail-on=possible"], "held", says="no leaks in leak-gate")
ends(0, ["--max-bytes", "300"], "lost", says="within the 300 B allowed")
ends(23, ["--max-bytes", "299"], "lost")
ends(23, ["--max-bytes", "119"], "below")
ends(0, ["--max-bytes", "120"], "below")
ends(0, ["--exclude", "function=lose_three", "--all-frames"], "lost")

# The program's own failure, and its end by a signal.
ends(3, [], "lost", "status=3", says=["300 B in 3 blocks definitely lost", "itself failed: exit 3"])
ends(3, [], "status=3", says=["no leaks", "itself failed: exit 3"])
ends(128 + 15, [], "lost", "signal", says=["definitely lost", "killed by signal 15"])

# Nothing passes in silence.
ends(125, [], "lost", "raw", says=["leaks were not searched for", "--allow-unsearched"])
ends(0, ["--allow-unsearched"], "lost", "raw", says="leaks were not searched for")
if os.path.exists(h.target("plain-static")):
    ends(125, [], program=h.target("plain-static"), says="--allow-unprofiled")
    ends(125, ["--allow-unprofiled"], program=h.target("plain-static"), says="leaks were not searched for",
         out=subprocess.run([h.target("plain-static")], capture_output=True, text=True, timeout=60).stdout)
ends(127, [], program="./no-such-program", says="not found")
ends(126, [], program=h.scratch)

# Wrong usage.
for options, says in ((["--fail-on=lost"], "'lost' is no kind of leak"), (["--max-bytes", "much"], "--max-bytes takes a size"),
                      (["--error-exitcode", "0"], "1 to 255"), (["--error-exitcode", "256"], "0 to 255"),
                      (["--update-baseline"], "say which"), (["--baseline", "absent.json"], "absent.json"),
                      (["--report", "pdf=x"], "the formats are"), (["--report", "json"], "the formats are"),
                      (["--report", "json=/nowhere/x"], "/nowhere/x"), (["--report", "json=-", "--report", "sarif=-"], "only one"),
                      (["--report", "json=x", "--report", "sarif=x"], "both"), (["--suppressions", "absent.supp"], "absent.supp"),
                      (["--source-root", "/no/such/folder"], "/no/such/folder"), (["--gen-suppressions=all"], "gen-suppressions"),
                      (["--roots=stack"], "registers, stacks"), (["--tagged-pointers=0xfff0"], "tagged-pointers"),
                      (["--compressed-pointers=1"], "BASE,SHIFT"), (["--unaligned=3"], "1, 2, 4 or 8"),
                      (["--heuristics=newarrays"], "newarray"), (["--contents=65"], "0 to 64"), (["--weak", ""], "--weak")):
    ends(125, options, "lost", says=says)
h.check(not os.path.exists(path("x")), "no report is written where the command was wrong")

# Known leaks: they pass, on other lines too; new ones do not, nor more through the same function.
known = ["--baseline", "known.json"]
ends(0, [*known, "--update-baseline"], "lost", "below", says="2 known leaks are in known.json")
ends(0, known, "lost", "below", says=["no new leaks", "2 known leaks"], hides=["lose_three"])
ends(0, known, "lost", "below", program=MOVED, says="no new leaks")
ends(0, known, "lost", says=["no new leaks", "1 known leak of known.json did not show"])
ends(23, known, "lost", "other", program=MOVED, says=["500 B in 1 block", "1 new leak"], hides=["lose_three"])
ends(23, [*known, "-v"], "lost", "other", says=["lose_other", "lose_three"])
before = read("known.json")
ends(3, [*known, "--update-baseline"], "status=3", says="stay as they were")
h.equal(read("known.json"), before, "a program that failed does not change the known leaks")
ends(0, [*known, "--update-baseline"], "other", says="1 known leak is in known.json")
ends(23, known, "lost")
h.equal(len(json.loads(read("known.json"))["leaks"]), 1, "leaks that are gone leave the file")
with open(path("garbage.json"), "w", encoding="utf-8") as f:
    f.write("{]")
ends(125, ["--baseline", "garbage.json"], "lost", says="garbage.json")
os.mkdir(path("folder"))
ends(125, ["--baseline", "folder", "--update-baseline"], "lost")

# Suppressions, made and read back.
for syntax in ("lsan", "valgrind"):
    run = ends(23, ["--gen-suppressions", syntax], "lost", "other")
    h.equal(run.stderr.count("leak:make_block\n"), int(syntax == "lsan"), "a rule that serves two leaks is made once")
    rules = [line for line in run.stderr.splitlines() if line.startswith(("leak:", "{", "}", "   "))]
    with open(path("made.supp"), "w", encoding="utf-8") as f:
        f.write("\n".join(line for line in rules if not line.startswith("    ")) + "\n")
    ends(0, ["--suppressions", "made.supp"], "lost", "other", says="no leaks")
# LeakSanitizer's rules have one function: not libc's, which would suppress every strdup.
run = ends(23, ["--gen-suppressions=lsan"], "copied", says="\nleak:lose_copy\n", hides=["leak:strdup", "leak:__strdup"])
with open(path("copied.supp"), "w", encoding="utf-8") as f:
    f.write("leak:lose_copy\n")
ends(0, ["--suppressions", "copied.supp"], "copied", says="no leaks")
ends(23, ["--suppressions", "copied.supp"], "copied", "twice", says="7 B in 1 block definitely lost", hides=["lose_copy"])
ends(23, ["--gen-suppressions=lsan", "--skip", "make_block"], "lost", says="\nleak:lose_three\n", hides=["leak:make_block"])
with open(path("unused.supp"), "w", encoding="utf-8") as f:
    f.write("leak:lose_three\nleak:nobody_has_this_name\n")
ends(0, ["-v", "--suppressions", "unused.supp"], "lost",
     says=["  the search held the program still for ", "unused suppression: unused.supp:2: nobody_has_this_name", "suppressed 300 B in 3 blocks by unused.supp:1"])

# A report that goes where the text would go takes its place.
run = ends(23, ["--report=memcheck=/dev/stderr"], "lost", says="definitely lost in loss record 1 of 1", hides=["memprof: leak-gate"])
h.equal(run.stderr.count("lose_three"), 1, f"each leak is written once: {run.stderr}")

# Several reports at once.
forms = ("json", "text", "sarif", "junit", "github", "gitlab", "markdown", "memcheck")
ends(23, [*(f"--report={form}=report.{form}" for form in forms), "--source-root", h.SOURCE], "lost", "possible")
document = json.loads(read("report.json"))
h.equal(document["leaks"]["definite"], {"bytes": 300, "blocks": 3}, "JSON: definitely lost")
for form in forms:
    if form != "gitlab":  # has the innermost function only
        h.check("lose_three" in html.unescape(read("report." + form)), f"{form} names the function")
result = json.loads(read("report.sarif"))["runs"][0]["results"][0]
h.equal(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "tests/targets/leaks.h", "SARIF: a path below the root")
h.equal(json.loads(read("report.gitlab"))[0]["location"]["path"], "tests/targets/leaks.h", "GitLab: a path below the root")
h.check("file=tests/targets/leaks.h,line=" in read("report.github"), "GitHub: a path below the root")
h.equal(len(json.loads(read("report.gitlab"))), 2, "GitLab: an entry a leak")
run = check(["--report", "github=-"], "lost")
h.equal((run.returncode, run.stdout.startswith("::error ")), (23, True), f"annotations on stdout: {run.stdout}")
if os.path.exists("/dev/full"):
    ends(125, ["--report", "json=/dev/full"], "lost", says="definitely lost")
    ends(125, ["--report", "sarif=/dev/full", "--report", "junit=later.xml"], "lost", says="No space left")
    h.check("lose_three" in read("later.xml"), "a report that cannot be written does not keep others from being written")

# A finished profile.
ends(23, ["-o", "kept.mprof"], "lost", says="memprof why kept.mprof")
run = subprocess.run([h.MEMPROF, "check", "--from", path("kept.mprof")], capture_output=True, text=True, timeout=60)
h.equal(run.returncode, 23, "the gate over a profile")
run = subprocess.run([h.MEMPROF, "check", "--from", path("kept.mprof"), "--fail-on=none"], capture_output=True, text=True, timeout=60)
h.equal(run.returncode, 0, "the gate over a profile, where nothing fails")
h.equal([name for name in os.listdir(h.scratch) if name.endswith(".mprof")], ["kept.mprof"], "no profile is left behind unasked")

h.finish()
