# SPDX-License-Identifier: Apache-2.0
"""Runs memprof over a program and holds what it says against what is known.

A test calls check() and its relatives as often as it likes and finish() at the
end.  Addresses are never compared, only names, lines and numbers.

MEMPROF names the program under test and top_builddir the build directory;
without them it is the current directory's.
"""

import atexit
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
SOURCE = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
MEMPROF = os.path.abspath(os.environ.get("MEMPROF", os.path.join(BUILD, "memprof")))
REFEREE = os.path.join(BUILD, "tests/tools/count-preload.so")
SKIP = 77
TOTALS = ("total_blocks", "total_bytes", "live_blocks", "live_bytes", "peak_blocks", "peak_bytes", "temporary_blocks")

scratch = tempfile.mkdtemp(prefix="memprof-test-")
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
os.environ["MEMPROF_RUNTIME_DIR"] = os.path.join(scratch, "sessions")  # so that tests at the same time do not see each other
# A memprof under AddressSanitizer would take core files from the program, too.
os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "disable_coredump=0"]))
failures = 0
checks = 0


def check(truth, what):
    """Count and report one claim."""
    global failures, checks
    checks += 1
    if not truth:
        failures += 1
    if not truth or os.environ.get("V"):
        print(("ok: " if truth else "FAILED: ") + what, flush=True)
    return bool(truth)


def equal(got, wanted, what):
    return check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


def finish():
    print(f"{checks - failures} of {checks} checks passed")
    sys.exit(1 if failures or not checks else 0)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def target(name):
    return os.path.join(BUILD, "tests/targets", name)


def need(*names):
    """Skip the test when a target is not built (no C++ compiler, no static libc)."""
    for name in names:
        if not os.path.exists(target(name)):
            skip(f"{name} is not built")


def stated(text):
    """The key=value lines that a target printed."""
    values = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values[key] = int(value) if value.lstrip("-").isdigit() else value
    return values


class Run:
    """A finished `memprof run`: status, out, err, doc (its JSON, or None), profile (a path)."""

    def __init__(self, status, out, err, doc, profile):
        self.status, self.out, self.err, self.doc, self.profile = status, out, err, doc, profile
        self.stated = stated(out)
        self.referee = {}

    def top(self, *options):
        """What `memprof top` says of the profile, as JSON."""
        text = subprocess.run([MEMPROF, "top", "--json", "-", *options, self.profile],
                              capture_output=True, text=True, timeout=120)
        if text.returncode != 0:
            check(False, f"memprof top {' '.join(options)} ended with {text.returncode}: {text.stderr.strip()}")
            return {"stats": [], "totals": {}, "process": {}, "loss": {}, "view": {}}
        return json.loads(text.stdout)


counter = 0


def profile(argv, *options, env=None, stdin=None, referee=False, timeout=300, client=None, quiet=True, tool=None):
    """Run `argv` under memprof with all stacks written as JSON.

    With `referee` the counting preload sits behind memprof in the same process
    and its numbers are in Run.referee, by key.
    """
    global counter
    counter += 1
    base = os.path.join(scratch, f"run{counter}")
    full = {**os.environ, **(env or {})}
    if referee:
        full["LD_PRELOAD"] = ":".join(p for p in [full.get("LD_PRELOAD"), REFEREE] if p)
        full["COUNT_TO"] = base + ".count"
    command = [tool or MEMPROF, "run", *(["-q"] if quiet else []), "-o", base + ".mprof", "--json", base + ".json",
               "-g", "traceback", "--by", "total", "-t", "0", *options, "--", *argv]
    with open(stdin or os.devnull) as source, open(base + ".out", "w+") as out, open(base + ".err", "w+") as err:
        child = subprocess.Popen(command, stdin=source, stdout=out, stderr=err, env=full)
        try:
            if client:
                client()
            status = child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            status = "timeout"
        out.seek(0)
        err.seek(0)
        text, complaint = out.buffer.read().decode(errors="replace"), err.read()
    doc = None
    if os.path.exists(base + ".json"):
        with open(base + ".json", encoding="utf-8") as f:
            try:
                doc = json.load(f)
            except ValueError as e:
                check(False, f"{' '.join(argv)}: JSON is not JSON: {e}")
    result = Run(status, text, complaint, doc, base + ".mprof")
    if referee and doc:
        result.referee = counted(f"{base}.count.{doc['process']['pid']}")
    return result


def counted(path):
    """The last line that the referee wrote: numbers by key."""
    try:
        with open(path) as f:
            lines = f.read().splitlines()
    except OSError:
        return {}
    return {k: int(v) for k, v in (pair.split("=") for pair in lines[-1].split())} if lines else {}


def bare(argv, env=None, **options):
    return subprocess.run(argv, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=300, **options)


def plain_name(function):
    """A function's name without its parameters, scope, and the suffixes that compilers add."""
    name = (function or "").replace("(anonymous namespace)::", "").split("(")[0].split(".")[0]
    return name.split("::")[-1].split(" ")[-1]


def passes_through(row, function):
    return any(plain_name(f["function"]) == function for f in row["traceback"])


def sums(doc, function, but_not=()):
    """Sums over the rows whose stacks pass through `function` and through none of `but_not`."""
    total = dict.fromkeys(TOTALS, 0)
    for row in doc["stats"]:
        if passes_through(row, function) and not any(passes_through(row, f) for f in but_not):
            for key in TOTALS:
                total[key] += row[key]
    return total


def check_stated(run, name, but_not=()):
    """Everything that the target stated of itself and its functions."""
    if not check(run.doc is not None, f"{name}: there is a report (status {run.status}, {run.err.strip()[:300]})"):
        return
    said = 0
    for key, value in run.stated.items():
        if key in TOTALS:
            equal(run.doc["totals"].get(key), value, f"{name}: {key}")
        elif key.startswith("in."):
            _, function, what = key.split(".")
            others = [f for f in but_not if f != function]
            equal(sums(run.doc, function, others)[what], value, f"{name}: {what} in {function}")
        else:
            continue
        said += 1
    check(said, f"{name}: stated something")


def check_referee(run, name, peak=False):
    """memprof's totals against those counted in the same process at the same time."""
    if not check(run.doc is not None and run.referee, f"{name}: there is a report and a count (status {run.status}, "
                                                       f"{run.err.strip()[:300]})"):
        return
    equal(run.referee["lost"], 0, f"{name}: the referee's table was large enough")
    for key in ("total_blocks", "total_bytes", "freed_blocks", "freed_bytes", "live_blocks", "live_bytes"):
        equal(run.doc["totals"].get(key), run.referee[key], f"{name}: {key}")
    if peak:
        equal(run.doc["totals"].get("peak_bytes"), run.referee["peak_bytes"], f"{name}: peak_bytes")
    check_no_loss(run, name)


def check_no_loss(run, name, but=("unknown_frees", "slow_steps", "forked_children", "stacks_truncated", "verified",
                                  "verify_skipped")):
    """Nothing was lost, except what is named in `but`."""
    lost = {k: v for k, v in (run.doc or {}).get("loss", {"report": "missing"}).items() if v and k not in but}
    equal(lost, {}, f"{name}: nothing lost")


def check_verified(run, name, at_least=1):
    """--verify-stacks compared stacks and found them equal."""
    loss = (run.doc or {}).get("loss", {})
    check(loss.get("verified", 0) >= at_least, f"{name}: {loss.get('verified')} stacks compared, wanted {at_least}")
    equal(loss.get("verify_mismatch"), 0, f"{name}: stacks that differ from libunwind's")


def leftovers():
    """Files that runs left beside the scratch files."""
    return [p for p in glob.glob(os.path.join(scratch, "*")) if p.endswith(".tmp")]
