# SPDX-License-Identifier: Apache-2.0
"""Programs run unchanged on memprof's own allocator, and are recorded as on libc's.

MEMPROF_PROGRAMS picks some of the real programs, separated by spaces; MEMPROF_SCALE multiplies the load.
"""
import hashlib
import os
import subprocess
import sys

import harness as h

sys.path.insert(0, os.path.join(h.SOURCE, "bench"))
import workloads  # noqa: E402

POOL = "--allocator=pool"


def run_on(which, argv, stdin=None, env=None, **options):
    with open(stdin or os.devnull) as source:
        return subprocess.run([h.MEMPROF, "run", "-q", "-o", "/dev/null", f"--allocator={which}", "--", *argv],
                              stdin=source, capture_output=True, timeout=600, env={**os.environ, **(env or {})}, **options)


def same_output(name, argv, stdin=None, env=None):
    """What it writes and how it ends, bare and on the pools."""
    with open(stdin or os.devnull) as source:
        bare = subprocess.run(argv, stdin=source, capture_output=True, timeout=600, env={**os.environ, **(env or {})})
    pool = run_on("pool", argv, stdin, env)
    h.equal(pool.returncode, bare.returncode, f"{name}: status")
    h.equal(hashlib.sha256(pool.stdout).hexdigest(), hashlib.sha256(bare.stdout).hexdigest(), f"{name}: output")


# Every entry point, with its alignment and its usable size, and the numbers as on libc.
for target in ("entry-points", "resize", "plain", "temporary", "thread-queue", "thread-pairs", "thread-churn",
               "thread-tsd", "thread-cancel", "fork", "early", "signals"):
    h.need(target)
    run = h.profile([h.target(target)], POOL)
    h.equal(run.status, 0, f"{target}: status")
    if any(key in h.TOTALS for key in run.stated):
        h.check_stated(run, target)
if os.path.exists(h.target("cxx-new")):
    run = h.profile([h.target("cxx-new")], POOL)
    h.equal(run.status, 0, "cxx-new: status")
    h.check_stated(run, "cxx-new")

# A program that does everything to pool blocks, and tells that they are such.
h.need("pool-uses")
run = h.profile([h.target("pool-uses"), "16"], POOL)
h.equal(run.status, 0, f"pool-uses: status, {run.out}")
run = h.profile([h.target("pool-uses"), "8"])
h.equal(run.status, 0, f"pool-uses on libc: status, {run.out}")

# Every profile says on what the program ran.
for which, wanted in (("libc", "libc.so.6"), ("pool", "pool"), ("pool-debug", "pool-debug")):
    run = h.profile([h.target("plain")], f"--allocator={which}")
    h.equal((run.doc or {}).get("process", {}).get("allocator"), wanted, f"the allocator of {which}")

# Planted faults: the kind, the place, and the stacks that allocated and freed.
h.need("misuse")


def functions(stack):
    return [h.plain_name(f["function"]) for f in stack["traceback"]] if stack else []


def one_fault(name, run):
    faults = (run.doc or {}).get("faults", [])
    h.equal(run.status, 0, f"{name}: status")
    h.equal(len(faults), 1, f"{name}: faults")
    return faults[0] if len(faults) == 1 else {"noticed": None, "allocated": None, "freed": None}


# what the target does, the kind, the offset, and the functions that are in noticed, allocated, freed
PLANTED = [
    ("double-free", "double free", None, "end_again", "make", "end"),
    ("overrun", "overrun", 0, "end", "make", None),
    ("underrun", "underrun", -1, "end", "make", None),
    ("use-after-free", "use after free", "half", None, "make", "end"),
    ("wrong-size", "wrong size", None, "end_sized", "make", None),
    ("foreign", "foreign pointer", None, "end", None, None),
    ("inside", "foreign pointer", None, "end", None, None),
]
for size in (40, 3000):
    for what, kind, offset, *where in PLANTED:
        name = f"{what} {size}"
        fault = one_fault(name, h.profile([h.target("misuse"), what, str(size)], "--allocator=pool-debug"))
        h.equal(fault.get("kind"), kind, f"{name}: kind")
        wanted = {0: size, "half": size // 2}.get(offset, offset)
        h.equal(fault.get("offset"), wanted, f"{name}: offset")
        if offset is not None:
            h.equal(fault.get("found"), 0x55, f"{name}: the byte")
        if what == "wrong-size":
            h.equal(fault.get("freed_size"), size + 8, f"{name}: the size it was freed with")
        for role, function in zip(("noticed", "allocated", "freed"), where):
            found = functions(fault[role])
            h.check(found[:1] == [function] if function else found == [], f"{name}: {role} in {found}, wanted {function}")
run = h.profile([h.target("misuse"), "nothing", "40"], "--allocator=pool-debug")
h.check("faults" not in run.doc, "a program without faults has none")
run = h.profile([h.target("misuse"), "double-free", "40"], "--allocator=pool-debug", quiet=False)
said = run.err + subprocess.run([h.MEMPROF, "top", run.profile], capture_output=True, text=True).stdout
h.equal(said.count("double free: a block of 40 bytes was freed again"), 2, "the report of the run and that of the file")
for line in ("noticed in", "allocated in", "freed in", "in end_again (misuse)", "in make (misuse)"):
    h.check(said.count(line) >= 2, f"the reports have: {line}")
if os.path.exists(h.target("misuse-cxx")):
    fault = one_fault("misuse-cxx", h.profile([h.target("misuse-cxx")], "--allocator=pool-debug"))
    h.equal((fault.get("kind"), fault.get("size"), fault.get("freed_size")), ("wrong size", 64, 24), "sized delete")
    h.check("end" in functions(fault["noticed"]) and "make" in functions(fault["allocated"]), "sized delete: stacks")

# The same programs with guards: nothing is found, nothing changes.
for target in ("entry-points", "plain", "thread-queue", "thread-pairs", "thread-churn", "thread-tsd", "fork", "early"):
    run = h.profile([h.target(target)], "--allocator=pool-debug")
    h.equal(run.status, 0, f"{target} with guards: status")
    h.check("faults" not in (run.doc or {"faults": "no report"}), f"{target} with guards: no faults")

# Programs that nobody here wrote.
scale = float(os.environ.get("MEMPROF_SCALE", "0.1"))
for name in os.environ.get("MEMPROF_PROGRAMS", "sqlite3 python3 jq cc1 perl redis-server").split():
    load = workloads.make(name, os.path.join(h.scratch, name), scale)
    if not load:
        print(f"{name} is not installed: left out")
    elif load.client:
        run = h.profile(load.argv, POOL, env=load.env, stdin=load.stdin, client=load.client)
        h.equal(run.status, 0, f"{name}: status")
        h.check_no_loss(run, name)
    else:
        same_output(name, load.argv, load.stdin, load.env)
        run = h.profile(load.argv, "--allocator=pool-debug", env=load.env, stdin=load.stdin)
        h.equal(run.status, 0, f"{name} with guards: status")
        h.equal((run.doc or {}).get("faults"), None, f"{name} with guards: faults")
if os.path.isdir(os.path.join(h.SOURCE, ".git")):
    same_output("git", ["git", "-C", h.SOURCE, "log", "--stat", "-20"])

# python3's own tests, where Debian's libpython3-testsuite or another one is installed.
tests = ["test_json", "test_dict", "test_list", "test_re"]
python = "/usr/bin/python3"
if subprocess.run([python, "-c", "import test.test_re, test.test_json"], capture_output=True).returncode == 0:
    run = run_on("pool", [python, "-m", "test", *tests], env={"PYTHONMALLOC": "malloc"}, cwd=h.scratch)
    h.equal(run.returncode, 0, f"python3 -m test {' '.join(tests)}: status, {run.stdout[-300:]}")
else:
    print("python3's own tests are not installed: left out")
h.finish()
