# SPDX-License-Identifier: Apache-2.0
"""The processes of a run: each in a profile of its own, with what it inherited, in one tree."""
import collections
import json
import os
import shutil
import subprocess
import sys
import time

import harness as h

h.need("family")
FAMILY = h.target("family")
NOT_LOST = ("unknown_frees", "slow_steps", "stacks_truncated")


class Tree:
    """A run into a folder: status, out, err, images (as memprof tree --json has them)."""

    count = 0

    def __init__(self, argv, *options, env=None, cwd=None, timeout=120, referee=False):
        Tree.count += 1
        self.base = os.path.join(h.scratch, f"tree{Tree.count}")
        self.folder = self.base + ".d"
        full = {**os.environ, **(env or {})}
        if referee:
            full["LD_PRELOAD"] = h.REFEREE
            full["COUNT_TO"] = self.base + ".count"
        command = [h.MEMPROF, "run", "-o", self.folder + "/", *options, "--", *argv]
        with open(self.base + ".out", "w+b") as out, open(self.base + ".err", "w+b") as err:
            try:
                self.status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=full,
                                             cwd=cwd, timeout=timeout).returncode
            except subprocess.TimeoutExpired:
                self.status = "timeout"
            out.seek(0)
            err.seek(0)
            self.out, self.err = out.read().decode(errors="replace"), err.read().decode(errors="replace")
        self.images = images_of(self.folder)

    def of(self, program):
        return [i for i in self.images if i["program"] == program and i["from"]]

    def doc(self, image):
        return h.Run(0, "", "", None, os.path.join(self.folder, image["file"])).top()

    def counted(self, pid):
        """The referee's lines of a process, one for each program that it executed."""
        try:
            with open(f"{self.base}.count.{pid}") as f:
                return [{k: int(v) for k, v in (pair.split("=") for pair in line.split())} for line in f]
        except OSError:
            return []


def images_of(folder):
    text = subprocess.run([h.MEMPROF, "tree", "--json", folder], capture_output=True, text=True, timeout=60)
    if not h.check(text.returncode == 0, f"memprof tree {folder}: {text.stderr.strip()}"):
        return []
    return json.loads(text.stdout)["images"]


def numbers(image, *keys):
    return tuple(image.get(key) for key in keys)


def check_referee(tree, name):
    """Every image that was executed, against what was counted in it."""
    by_pid = collections.defaultdict(list)
    compared = 0
    for image in tree.images:
        if not image["forked"] and image["recorded"]:
            by_pid[image["pid"]].append(image)
    for pid, images in by_pid.items():
        lines = tree.counted(pid)
        h.equal(len(images), len(lines), f"{name}: images of {images[0]['program']}")
        for image, line in zip(images, lines):
            compared += 1
            h.equal(numbers(image, "total_blocks", "total_bytes", "live_blocks", "live_bytes"),
                    (line["total_blocks"], line["total_bytes"], line["live_blocks"], line["live_bytes"]),
                    f"{name}: {image['program']}")
    return compared


def check_whole(tree, name):
    """All are in the folder, ended, and nothing of them was lost."""
    h.equal([i for i in tree.images if "ended" not in i and i["recorded"]], [], f"{name}: all have ended")
    files = [i["file"] for i in tree.images if i["recorded"]]
    h.equal(len(set(files)), len(files), f"{name}: each has a file of its own")
    h.equal(sorted(files + ["processes.jsonl"]), sorted(os.listdir(tree.folder)), f"{name}: nothing else is there")
    for image in tree.images:
        if image["recorded"]:
            doc = tree.doc(image)
            h.equal(doc["totals"]["total_blocks"], image["total_blocks"] + image["inherited_blocks"],
                    f"{name}: the profile of {image['file']}")
            lost = {k: v for k, v in doc["loss"].items() if v and k not in NOT_LOST}
            h.equal(lost, {}, f"{name}: nothing lost in {image['file']}")


# ------------------------------------------------------------------ forked

tree = Tree([FAMILY, "fork"])
h.equal(tree.status, 0, "fork: status")
check_whole(tree, "fork")
child = tree.of("family")
h.equal(len(child), 1, "fork: children")
if child:
    h.equal(numbers(child[0], "forked", "from", "inherited_blocks", "inherited_bytes", "total_blocks", "total_bytes",
                    "live_blocks", "live_bytes", "peak_bytes", "ended", "value"),
            (True, 1, 100, 10000, 5, 5000, 65, 11000, 11000, "status", 0), "fork: the child's numbers")
    h.equal(h.sums(tree.doc(child[0]), "take_all")["live_blocks"], 60,
            "fork: what is left of the parent's has the parent's stack")
    h.equal(tree.doc(child[0])["loss"]["unknown_frees"], 0, "fork: the parent's blocks are known")
    stat = subprocess.run([h.MEMPROF, "stat", os.path.join(tree.folder, child[0]["file"])], capture_output=True, text=True,
                          timeout=60)
    h.check("forked from process" in stat.stdout, "fork: the profile says whose blocks it began with")
h.equal(numbers(tree.images[0], "live_blocks", "live_bytes"), (100, 10000), "fork: the parent's are its own")

tree = Tree([FAMILY, "inherit"])
child = tree.of("family")
h.equal(len(child), 1, "inherit: children")
h.equal([i["lost_blocks"] for i in tree.images], [0, 100], "inherit: the child lost what it had, the parent nothing")
h.check("1 that lost memory" in tree.err, "inherit: the table says who lost")

tree = Tree([FAMILY, "chain"])
h.equal([i["from"] for i in tree.images], [0, 1, 2, 3], "chain: each from the one before")
h.equal([i["live_blocks"] for i in tree.images], [1, 2, 3, 4], "chain: each has one block more")

tree = Tree([FAMILY, "double"])
h.equal(tree.status, 0, "double: status")
h.equal([(i["live_blocks"], i["total_blocks"]) for i in tree.images], [(3, 3), (3, 0), (10, 7)],
        "double: the grandchild outlives both and is waited for")

tree = Tree([FAMILY, "quiet"])
h.equal(len(tree.images), 1, "quiet: a child that calls nothing is no row")

tree = Tree([FAMILY, "raw"])
child = tree.of("family")
h.equal(len(child), 1, "raw: children")
if child:
    h.equal(numbers(child[0], "inherited_blocks", "total_blocks"), (0, 3), "raw: nothing is known of the parent's")
    h.check("not known" in (child[0]["reason"] or ""), "raw: and the row says so")

tree = Tree([FAMILY, "threads"])
children = tree.of("family")
h.equal(len(children), 20, "threads: children")
h.equal({i["total_blocks"] - 11 for i in children}, {0}, "threads: what each child makes")
h.equal({tree.doc(i)["totals"]["total_blocks"] - i["total_blocks"] - i["inherited_blocks"] for i in children}, {0},
        "threads: what each child began with")
for i in children:
    h.equal(h.sums(tree.doc(i), "take_all")["live_blocks"], 11, "threads: the parent's 100 are freed")

tree = Tree([FAMILY, "kill"])
killed = {i["live_blocks"]: (i["ended"], i["value"]) for i in tree.of("family")}
h.equal(sorted(killed), [4, 5], "kill: what they had")
h.equal(killed.get(5), ("signal", 15), "kill: who was terminated")
# a process that cannot say so, and whose parent takes its status at once: newer kernels tell all the same
newer = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2]) >= (6, 15)
h.check(killed.get(4) in (("signal", 9), ("signal", 9) if newer else ("unknown", 0)), f"kill: who was killed: {killed.get(4)}")

# ---------------------------------------------------------------- executed

for way in ("vfork", "spawn", "spawnp", "system", "popen", "clear", "execvp", "execveat", "search"):
    for follow in ("all", "exec", "none"):
        tree = Tree([FAMILY, way], f"--follow={follow}", referee=way != "clear")
        h.equal(tree.status, 0, f"{way}, {follow}: status")
        leaves = [i for i in tree.of("family") if not i["forked"] and i.get("value") == 9]
        h.equal(len(leaves), 0 if follow == "none" else 1, f"{way}, {follow}: what was executed")
        h.equal(any(i["forked"] for i in tree.images) and follow != "all", False, f"{way}, {follow}: forked children")
        for leaf in leaves:
            h.equal(h.sums(tree.doc(leaf), "take_all")["live_blocks"], 9, f"{way}, {follow}: its blocks")
        if way != "clear":
            check_referee(tree, f"{way}, {follow}")

# ------------------------------------- what memprof cannot be reached from

for way in ("full", "fullspawn", "fullsystem", "fullpopen", "longpreload"):
    h.equal(subprocess.run([FAMILY, way], timeout=60).returncode, 0, f"{way}: without memprof")
    tree = Tree([FAMILY, way])
    h.equal(tree.status, 0, f"{way}: no room is taken from the program's environment")
    h.check(("2 processes or programs that it started are" if way == "longpreload" else
             "1 process or program that it started is") + " not recorded" in tree.err,
            f"{way}: that it was not recorded is said")
long = {"LD_PRELOAD": ":" * ((128 << 10) - 20)}
run = subprocess.run([h.MEMPROF, "run", "-o", "/dev/null", "--", FAMILY, "leaf", "7"], env=long, capture_output=True,
                     text=True, timeout=60)
h.equal((run.returncode, "no room" in run.stderr), (7, True), f"launched without room: runs, which is said: {run.stderr}")
run = subprocess.run([h.MEMPROF, "check", "--", FAMILY, "leaf", "0"], env=long, capture_output=True, text=True, timeout=60)
h.equal((run.returncode, "no room" in run.stderr), (125, True), "launched without room: nothing is known of leaks")
if os.geteuid() == 0:
    tree = Tree([FAMILY, "unheard"])
    h.equal(tree.status, 0, "unheard: status")
    h.check("3 processes or programs" in (tree.images[0]["reason"] or ""), f"unheard: the row says so: {tree.images}")
    h.check("3 processes or programs" in tree.err, "unheard: and the summary")

tree = Tree([FAMILY, "renamed"], "--not", "hidden")
h.equal([(i["recorded"], i["reason"]) for i in tree.images],
        [(True, None), (False, "left out by --only or --not")], "renamed: who has a row is not counted as unheard")

static = h.target("plain-static")
if os.path.exists(static):
    decoy = os.path.join(h.scratch, "decoy")
    os.makedirs(os.path.join(decoy, "plain-static"))
    tree = Tree(["/usr/bin/env", f"PATH={decoy}:{os.path.dirname(static)}", "plain-static", "4"])
    h.equal(tree.status, 4, "a folder on PATH: status")
    h.check("statically linked" in (tree.images[-1]["reason"] or ""),
            f"a folder on PATH of the program's name is passed over: {tree.images}")

    tree = Tree(["/bin/sh", "-c", f"exec '{static}' 4"])
    h.equal([(i["ended"], i.get("value")) for i in tree.images], [("executed", 0), ("status", 4)],
            f"a static program in place: {tree.images}")
    h.check("at the end was not recorded: " + static + " is statically linked" in tree.err,
            f"a static program in place: the summary says why:\n{tree.err}")
    # a shell that is static, whose end the program does not hear of: its row stays
    folder = os.path.join(h.scratch, "no-wait")
    program = "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.system('x')"
    run = subprocess.run(["unshare", "-m", "/bin/bash", "-c", 'mount --bind "$1" "$(readlink -f /bin/sh)" || exit 77; shift; exec "$@"',
                          "bash", static, h.MEMPROF, "run", "-q", "-o", folder + "/", "--", sys.executable, "-c", program],
                         capture_output=True, text=True, timeout=60) if os.geteuid() == 0 and shutil.which("unshare") else None
    if run and run.returncode == 0:
        h.equal([(i["program"], i["recorded"]) for i in images_of(folder)[1:]], [("sh", False)],
                "a static shell that is not waited for has a row")

    tree = Tree(["/bin/sh", "-c", "exec ./plain-static 4"], cwd=os.path.dirname(static))
    h.check((tree.images[-1]["reason"] or "").startswith("./plain-static is statically linked"),
            f"a relative path: the reason has it as it was given: {tree.images}")

# a name of its own for each from the start
tree = Tree(["env", FAMILY, "leaf", "3"])
check_whole(tree, "env")
h.check(f"/{tree.images[0]['file']}\n" in tree.err, f"env: the summary names the file of the one before:\n{tree.err}")

# who gave up its user cannot reach memprof: what it executes is not recorded, its own end is known
if os.geteuid() == 0 and shutil.which("setpriv"):
    tree = Tree(["/bin/sh", "-c", "setpriv --reuid=65534 --clear-groups sh -c 'exit 3'; exit $?"])
    reasons = [i.get("reason", "") for i in tree.images if i["program"] == "setpriv"]
    h.check(reasons and "could not be reached from there" in reasons[-1], f"another user: said: {reasons}")
    h.check("its end was not seen" not in tree.err, f"another user: it executed by the C library:\n{tree.err}")
    h.equal(tree.status, 3, "another user: status")

# what is executed past memprof has no profile, and is accounted for all the same
UNSEEN = "its end was not seen"
for script, program in (("{0} rawself", None), ("{0} rawother", "sleep"), ("{0} rawother; true", "sleep")):
    tree = Tree(["/bin/sh", "-c", script.format(f"'{FAMILY}'")] if ";" in script else [FAMILY, script.split()[1]])
    name = "past memprof: " + script
    h.equal(tree.status, 9 if not program else 0, f"{name}: status")
    family = [i for i in tree.images if i["program"] == "family"]
    h.equal([(i["recorded"], i.get("total_blocks")) for i in family], [(True, 2)], f"{name}: up to then")
    if program:
        rows = [i for i in tree.images if i["program"] == program]
        h.equal([(i["recorded"], "does not see" in (i["reason"] or "")) for i in rows], [(False, True)], f"{name}: has a row")
        # a shell may take the status before memprof sees it
        h.check(rows[0].get("ended") in ("status", None if ";" in script else "status"), f"{name}: how it ended: {rows}")
        h.equal([i["ended"] for i in family], ["executed"], f"{name}: what it replaced")
    else:
        h.check(UNSEEN in (family[0]["reason"] or "") and UNSEEN in tree.err, f"{name}: {tree.images} {tree.err}")
h.equal([i["reason"] for i in Tree([FAMILY, "fork"]).images], [None, None], "who ends in the usual ways has no remark")
tree = Tree([FAMILY, "quiet"])
h.equal([i["quiet_children"] for i in tree.images], [1], "quiet: the child is counted")
tree = Tree(["/bin/sh", "-c", f"/bin/true & '{FAMILY}' quiet; (exit 3) | cat; wait; exit 0"])
h.check(sum(i.get("quiet_children", 0) for i in tree.images) == 1 and "and 1 forked child that" in tree.err,
        f"quiet: in a shell: {tree.err}")

# --------------------------------------------------- which, and where they go

tree = Tree(["/bin/sh", "-c", f"'{FAMILY}' leaf 3; '{FAMILY}' leaf 4; exit 6"], "--not", "sh")
h.equal(tree.status, 6, "--not: status")
h.equal([i["recorded"] for i in tree.images], [False, True, True], "--not: the shell is not recorded, what it runs is")
h.check("--not" in tree.images[0]["reason"], "--not: the row says why")
# a program that is left out between two that are not: the table has all
tree = Tree(["/bin/sh", "-c", f"exec env '{FAMILY}' leaf 3"], "--not", "env")
h.equal([(i["program"], i["recorded"]) for i in tree.images], [("sh", True), ("env", False), ("family", True)],
        "--not of a program that is executed between two")
# a name that ends in a slash has no last part
tree = Tree(["/bin/bash", "-c", f"exec -a here/ '{FAMILY}' leaf 3"])
h.equal(tree.images[-1]["program"], "family", "a first argument that ends in a slash: the file's name")
h.check("memprof: family (pid" in tree.err, f"a first argument that ends in a slash: the summary's name:\n{tree.err}")
tree = Tree(["/bin/sh", "-c", f"'{FAMILY}' leaf 3; /bin/true; exit 6"], "--only", "fam*", "--only", "nothing")
h.equal([i["program"] for i in tree.images if i["recorded"]], ["family"], "--only: one is recorded")

os.mkdir(os.path.join(h.scratch, "here"))
run = subprocess.run([h.MEMPROF, "run", "--", FAMILY, "fork"], cwd=os.path.join(h.scratch, "here"), capture_output=True,
                     text=True, timeout=60)
made = sorted(os.listdir(os.path.join(h.scratch, "here")))
h.equal([n.split(".")[0] + "." + n.split(".")[-1] for n in made], ["family.tree"], "default: names")
folder = os.path.join(h.scratch, "here", made[-1])
h.equal(len(images_of(folder)), 2, "default: a folder, and nothing beside it")
h.equal(len(os.listdir(folder)), 3, "default: the launched process's profile is there, too")
h.check(made[-1] in run.stderr, "default: the summary names the folder")
named = [line.split()[1] for line in run.stderr.splitlines() if line.startswith("profile: ")]
h.check(named and os.path.exists(os.path.join(h.scratch, "here", named[0])), "default: and where the profile is")
own = os.path.join(h.scratch, "own.mprof")
subprocess.run([h.MEMPROF, "run", "-q", "-o", own, "--", FAMILY, "fork"], timeout=60)
h.equal((os.path.exists(own), len(images_of(h.scratch + "/own.tree"))), (True, 2), "-o FILE: it is where it was asked for")
shutil.rmtree(h.scratch + "/own.tree")
text = subprocess.run([h.MEMPROF, "tree", folder], capture_output=True, text=True, timeout=60).stdout.splitlines()
h.equal([line.split()[0] for line in text], ["program", "family", "family"], "tree: a row each")
h.check(text[2].startswith("  family"), "tree: the child stands further in")

run = h.profile([FAMILY, "leaf", "5"])
h.equal([n for n in os.listdir(h.scratch) if n.endswith(".tree")], [], "one process: no folder")
again = subprocess.run([h.MEMPROF, "run", "-o", tree.folder + "/", "--", "true"], capture_output=True, text=True, timeout=60)
h.equal((again.returncode, "choose another" in again.stderr), (125, True), "a folder that holds a run is refused")
wrong = subprocess.run([h.MEMPROF, "tree", h.scratch], capture_output=True, text=True, timeout=60)
h.equal((wrong.returncode, wrong.stdout), (1, ""), "tree: no such table")
h.check("which memprof run -o DIR/ makes" in wrong.stderr, f"tree: no such table: how to have one is said: {wrong.stderr!r}")
for command in (["top"], ["leaks"], ["diff", tree.folder], ["stat"], ["check", "--from"]):
    wrong = subprocess.run([h.MEMPROF, *command, tree.folder], capture_output=True, text=True, timeout=60)
    h.equal((wrong.returncode, "memprof tree" in wrong.stderr), (125 if "--from" in command else 1, True),
            f"{command[0]} of a folder says what to name: {wrong.stderr}")
with open(os.path.join(tree.folder, "processes.jsonl"), "a") as f:
    f.write('{"image": 9, "from"')
h.equal(len(images_of(tree.folder)), len(tree.images), "tree: a line that is cut is passed over")

# --------------------------------------------------------------------- gate

for way, options, status in ((["inherit"], [], 23), (["inherit"], ["--follow=none"], 0), (["fork"], [], 0)):
    run = subprocess.run([h.MEMPROF, "check", *options, "--", FAMILY, *way], capture_output=True, text=True, timeout=60)
    h.equal(run.returncode, status, f"check {way} {options}: status ({run.stderr.strip()[-200:]})")
    h.equal("other process" in run.stderr, status == 23, f"check {way} {options}: who leaked is said")

known = os.path.join(h.scratch, "known.json")
for more, leak, status, says in (
        (["--update-baseline"], "lose", 0, "2 known leaks are in"), ([], "lose", 0, "are no news in 3 other processes"),
        ([], "twice", 23, "2 leaks in family"), (["--update-baseline"], "twice", 0, "4 known leaks are in"),
        ([], "lose", 0, "2 known leaks of"), (["--follow=none"], "lose", 0, "4 known leaks of")):
    script = f"'{FAMILY}' lose 3; '{FAMILY}' inherit; " + (f"'{FAMILY}' twice" if leak == "twice" else f"'{FAMILY}' lose 5")
    run = subprocess.run([h.MEMPROF, "check", "--baseline", known, *more, "--", "/bin/sh", "-c", script + "; true"],
                         capture_output=True, text=True, timeout=60)
    h.equal(run.returncode, status, f"known leaks of a tree {more} {leak}: status ({run.stderr.strip()[-300:]})")
    h.check(says in run.stderr, f"known leaks of a tree {more} {leak}: {run.stderr.strip()[-300:]}")

# The reports have the leaks of all, also where one of them is another's child or could not be searched.
for script, wanted in ((f"'{FAMILY}' lose 3; '{FAMILY}' lose 5; true", 800), (f"'{FAMILY}' lose 3; kill -9 $$", 300),
                       (f"exec '{FAMILY}' lose 3", 300)):
    report = os.path.join(h.scratch, "family.json")
    run = subprocess.run([h.MEMPROF, "check", "--report", "json=" + report, "--report", "github=/dev/stderr", "--",
                          "/bin/sh", "-c", script], capture_output=True, text=True, timeout=60)
    with open(report) as f:
        document = json.load(f)
    h.equal((run.returncode, document["leaks"]["definite"]["bytes"]), (137 if "kill" in script else 23, wanted),
            f"check --report, {script}: {run.stderr.strip()[-300:]}")
    h.equal(sum(r["bytes"] for r in document["records"] if r["kind"] == "definite"), wanted, f"{script}: records")
    h.check("::error" in run.stderr and "#1" not in run.stderr, f"{script}: a report to stderr is all: {run.stderr}")
    os.unlink(report)

# run writes the same reports; each of one process where there is one, or no other was searched.
for options, wanted in (((), 800), (("--follow=none",), 0), (("--only", "family", "--baseline", "/dev/null"), None)):
    result = subprocess.run([h.MEMPROF, "run", "-o", "/dev/null", "--report", "json=" + report, "--report", "text=-", *options,
                             "--", "/bin/sh", "-c", f"'{FAMILY}' lose 3; '{FAMILY}' lose 5; true"], capture_output=True,
                            text=True, timeout=60)
    if wanted is None:
        h.equal(result.returncode, 125, "run --report: a baseline that is none is refused")
        continue
    with open(report) as f:
        document = json.load(f)
    h.equal((result.returncode, document["leaks"]["definite"]["bytes"]), (0, wanted), f"run --report {options}: {result.stderr}")
    h.equal("take_all" in result.stdout, wanted != 0, f"run --report {options}: text {result.stdout}")
    os.unlink(report)
result = subprocess.run([h.MEMPROF, "run", "-q", "-o", "/dev/null", "--report", "json=" + report, "--", "/bin/sh", "-c",
                         f"'{FAMILY}' lose 3; kill -9 $$"], capture_output=True, text=True, timeout=60)
with open(report) as f:
    h.equal((result.returncode, json.load(f)["leaks"]["definite"]["bytes"]), (137, 300), f"run --report, killed: {result.stderr}")

# What a program suppresses itself is its own: another one's leak in a function of that name is none.
gate = h.target("leak-gate")
for script in (f"'{gate}' suppressed; '{FAMILY}' purpose; true", f"'{FAMILY}' purpose; '{gate}' suppressed; true",
               f"'{gate}' suppressed; exec '{FAMILY}' purpose"):
    for command, status in (("check", 23), ("run", 0)):
        run = subprocess.run([h.MEMPROF, command, "-o", "/dev/null", "--report", "json=" + report, "--", "/bin/sh", "-c", script],
                             capture_output=True, text=True, timeout=60)
        with open(report) as f:
            document = json.load(f)
        h.equal((run.returncode, document["leaks"]["definite"]["bytes"],
                 [r["bytes"] for r in document["records"] if r["kind"] == "definite"]), (status, 200, [200]),
                f"{command}, own suppressions, {script}: {run.stderr.strip()[-300:]}")

# Without names two processes have a record each of one fingerprint: known in each, and so in the report.
nameless = os.path.join(h.scratch, "nameless")
if subprocess.run(["strip", "-o", nameless, FAMILY]).returncode == 0:
    for more, errors in ((["--update-baseline"], 2), ([], 0)):
        run = subprocess.run([h.MEMPROF, "check", "-q", "--baseline", nameless + ".json", "--report", "json=" + report,
                              "--report", "github=" + nameless + ".github", *more, "--", "/bin/sh", "-c",
                              f"'{nameless}' lose 3; '{nameless}' inherit; true"], capture_output=True, text=True, timeout=60)
        with open(nameless + ".github") as f:
            shown = f.read().count("title=memory definitely lost")
        h.equal((run.returncode, shown), (0, errors), f"nameless {more}: {run.stderr.strip()[-300:]}")
    with open(report) as f:
        h.equal(len({r["fingerprint"] for r in json.load(f)["records"] if r["kind"] == "definite"}), 1, "nameless: one fingerprint")

memcheck = os.path.join(h.SOURCE, "cli/memprof-memcheck")
for trace, status in ((None, 0), ("no", 0), ("yes", 9)):
    run = subprocess.run([memcheck, "--error-exitcode=9", *([f"--trace-children={trace}"] if trace else []), FAMILY,
                          "inherit"], capture_output=True, text=True, timeout=60,
                         env={**os.environ, "PATH": h.BUILD + ":" + os.environ["PATH"]})
    h.equal(run.returncode, status, f"memprof-memcheck --trace-children={trace}: {run.stderr.strip()[-200:]}")

# ------------------------------------------------------------ what runs on

log = os.path.join(h.scratch, "daemon.err")
with open(log, "w") as err:
    memprof = subprocess.Popen([h.MEMPROF, "run", "-o", os.path.join(h.scratch, "daemon") + "/", "--", "/bin/sh", "-c",
                                "sleep 1000 & echo $!"], stdout=subprocess.PIPE, stderr=err, text=True)
    sleeper = int(memprof.stdout.readline())
    for _ in range(300):
        with open(log) as f:
            if "still running" in f.read():
                break
        time.sleep(0.1)
    memprof.terminate()
    h.equal(memprof.wait(60), 0, "a daemon: memprof ends when it is told to")
with open(log) as f:
    h.check(f"sleep ({sleeper})" in f.read(), "a daemon: who still runs is said")
h.check(os.path.exists(f"/proc/{sleeper}"), "a daemon: it runs on")
os.kill(sleeper, 9)

# The kernel gives numbers out again: a daemon's child that gets the launched process's is not that one.
REUSE = """
import os, time
def live(pid):
    return os.path.exists(f"/proc/{pid}")
def reuse(number):
    for attempt in range(500):
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(number - 1))
        child = os.fork()
        if not child:
            blocks = [bytearray(50000) for i in range(30)] if os.getpid() == number else None
            os._exit(3)
        os.waitpid(child, 0)
        if child == number:
            return True
    return False
launched = os.getpid()
if os.fork():
    os._exit(5)
while live(launched):
    time.sleep(0.01)
try:
    print("reused" if reuse(launched) else "busy", launched, flush=True)
except OSError:
    print("forbidden", launched, flush=True)
"""
tree = Tree(["/usr/bin/python3", "-c", REUSE])
h.equal(tree.status, 5, "a number that is used again: status")
how, launched = tree.out.split()
if how == "reused":
    h.equal([(i["forked"], i["ended"], i["value"]) for i in tree.images if i["pid"] == int(launched)],
            [(False, "status", 5), (True, "status", 3)], "a number that is used again")
else:
    print(f"not tried, a number that is used again: {how}")

# ------------------------------------------------------- memprof is killed

for number, where in enumerate((["-o", "killed.d/"], ["-o", "killed.mprof"], [])):
    place = os.path.join(h.scratch, f"killed{number}")
    os.mkdir(place)
    memprof = subprocess.Popen([h.MEMPROF, "run", "-q", *where, "--", "/bin/sh", "-c",
                                f"'{FAMILY}' leaf 3; echo here; read end; echo \"$end\""], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, cwd=place)
    memprof.stdout.readline()
    memprof.kill()
    memprof.wait()
    memprof.stdin.write("goes on\n")
    memprof.stdin.close()
    h.equal(memprof.stdout.read(), "goes on\n", f"killed {where}: the program goes on")
    folders = [name for name in os.listdir(place) if os.path.isdir(os.path.join(place, name))]
    killed = images_of(os.path.join(place, folders[0])) if h.equal(len(folders), 1, "killed: one folder") else []
    h.equal([(i["program"], i["recorded"], bool(i["file"])) for i in killed[:2]],
            [("sh", True, True), ("family", True, True)], f"killed {where}: the table says what was recorded, and where")
    h.check(not killed or bool(where and where[1].endswith("/")) != os.path.isabs(killed[0]["file"] or ""),
            f"killed {where}: what is not in the folder yet has its whole path: {killed[:1]}")

# ------------------------------------------------------- asked while it runs

child = "import os, time\nif os.fork() == 0:\n    x = [bytes(999) for i in range(99)]\n    print(os.getpid(), flush=True)\n    time.sleep(60)\nos.wait()"
memprof = subprocess.Popen([h.MEMPROF, "run", "-q", "--leak-check=no", "-o", os.path.join(h.scratch, "asked") + "/", "--",
                            "/usr/bin/python3", "-c", child], stdout=subprocess.PIPE, text=True)
pid = int(memprof.stdout.readline())
asked = subprocess.run([h.MEMPROF, "snapshot", str(pid)], capture_output=True, text=True, timeout=60)
h.check(f"(pid {pid})" in asked.stdout, f"a child is asked for a snapshot: {asked.stdout}{asked.stderr}")
listed = subprocess.run([h.MEMPROF, "list", "--json"], capture_output=True, text=True, timeout=60)
h.equal(len([p for p in json.loads(listed.stdout) if p["program"].startswith("python3")]), 2, "both are listed")
os.kill(pid, 15)
h.equal(memprof.wait(60), 0, "asked: status")

# ------------------------------------------------------------ real programs

tree = Tree(["/bin/sh", "-c", "ls / | sort -r | head -3 | wc -l; exit 5"], referee=True)
h.equal((tree.status, tree.out.strip()), (5, "3"), "pipeline: what the shell says")
h.check({"ls", "sort", "head", "wc"} <= {i["program"] for i in tree.images}, "pipeline: all are there")
h.check(check_referee(tree, "pipeline") >= 5, "pipeline: compared")
check_whole(tree, "pipeline")

if shutil.which("git"):
    repository = os.path.join(h.scratch, "repository")
    os.mkdir(repository)
    git = ["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    for i in range(3):
        with open(os.path.join(repository, f"file{i}"), "w") as f:
            f.write(str(i) * 1000)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", str(i)], check=True)
    tree = Tree(["git", "clone", "-q", "--no-local", repository, repository + ".copy"], referee=True)
    h.equal(tree.status, 0, "git clone: status")
    h.equal(len(os.listdir(repository + ".copy")), 4, "git clone: the copy")
    h.check(check_referee(tree, "git clone") >= 4, "git clone: compared")

if shutil.which("make") and shutil.which("gcc"):
    project = os.path.join(h.scratch, "project")
    os.mkdir(project)
    names = [f"part{i}" for i in range(4)]
    for i, name in enumerate(names):
        with open(os.path.join(project, name + ".c"), "w") as f:
            f.write(f"#include <stdio.h>\nint {name}(void) {{ return printf(\"%d\\n\", {i}); }}\n")
    with open(os.path.join(project, "main.c"), "w") as f:
        f.write("".join(f"int {n}(void);\n" for n in names) + "int main(void) { return " +
                " + ".join(f"{n}()" for n in names) + " != 8; }\n")
    objects = " ".join(f"{n}.o" for n in ["main", *names])
    with open(os.path.join(project, "Makefile"), "w") as f:
        f.write(f"prog: {objects}\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -c -o $@ $<\n")
    tree = Tree(["make", "-j2"], "--leak-check=no", cwd=project, referee=True)
    h.equal(tree.status, 0, "make: status")
    h.equal(subprocess.run([os.path.join(project, "prog")], stdout=subprocess.DEVNULL).returncode, 0, "make: the program")
    h.equal(len([i for i in tree.images if i["program"] == "cc1"]), 5, "make: compilers")
    h.check(check_referee(tree, "make") >= 18, "make: compared")

PYTHON = """
import multiprocessing, subprocess, sys
def work(n):
    return len([bytes(1000) for i in range(n)])
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(work, [1000, 2000, 3000]))
    print(subprocess.run([sys.executable, "-c", "import json; print(json.dumps([1]))"]).returncode)
"""
tree = Tree(["/usr/bin/python3", "-c", PYTHON], "--leak-check=no", referee=True)
h.equal(tree.status, 0, "python3: status")
h.equal(sorted(tree.out.split("\n"))[-3:], sorted(["[1000, 2000, 3000]", "[1]", "0"])[-3:], "python3: what it prints")
h.equal(sum(i["forked"] and i["program"].startswith("python3") for i in tree.images), 2, "python3: forked workers")
h.check(check_referee(tree, "python3") == 2, "python3: compared")
h.finish()
