# SPDX-License-Identifier: Apache-2.0
"""The table of conditions: what a row is, how rows are run, and how they are shown.

A row is a function with a decorator; it uses harness.check() and its relatives.  A
condition that cannot be made on this machine is never shown as passed.
"""

import collections
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness as h  # noqa: E402

Row = collections.namedtuple("Row", "group name long tested function")
rows = []
with open(os.path.join(h.SOURCE, "man/memprof-run.1"), encoding="utf-8") as page:
    MANUAL = " ".join(line for line in page.read().split("\n"))


class NotMade(Exception):
    """The condition cannot be made here; why."""


def row(group, name, long=False, tested=False):
    """`long`: it takes minutes; `tested`: `make check` runs what it runs by itself."""
    def keep(function):
        rows.append(Row(group, name, long, tested, function))
        return function
    return keep


def need(truth, why):
    if not truth:
        raise NotMade(why)


def root():
    need(os.geteuid() == 0, "only root can")


def can(*command):
    """The command that makes the condition works here."""
    try:
        run = subprocess.run([*command, "true"], capture_output=True, timeout=20)
    except OSError as e:
        raise NotMade(str(e)) from e
    need(run.returncode == 0, f"{' '.join(command)}: {run.stderr.decode(errors='replace').strip()}")


def built(*names):
    for name in names:
        need(os.path.exists(h.target(name)), f"{name} is not built")


def installed(path, package):
    need(path and os.path.exists(path), f"{package} is not installed")
    return path


def documented(words):
    """memprof-run(1) says so."""
    h.check(re.sub(r"\s+", " ", words) in re.sub(r"\s+", " ", MANUAL), f"memprof-run(1) says {words!r}")
    return "as documented: " + words


def memprof(*argv, **options):
    options = {"timeout": 300, "stdin": subprocess.DEVNULL, **options}
    return subprocess.run([h.MEMPROF, *argv], capture_output=True, text=True, errors="replace", **options)


numbered = 0


def record(argv, *options, **popen):
    """`memprof run` of a program; (the finished process, its profile's path)."""
    global numbered
    numbered += 1
    file = os.path.join(h.scratch, f"row{numbered}.mprof")
    return memprof("run", "-o", file, *options, "--", *argv, **popen), file


def opened(run, file):
    """The profile as a harness.Run, whose numbers what the target stated can be held against."""
    done = h.Run(run.returncode, run.stdout, run.stderr, None, file)
    if h.check(os.path.exists(file), f"{os.path.basename(file)} is there: {run.stderr.strip()[:300]!r}"):
        done.doc = done.top("-g", "traceback", "--by", "total", "-t", "0")
    return done


def exact(argv, status=0, options=(), **popen):
    """Recorded as usual: the status is the program's, the profile has what it states."""
    run, file = record(argv, *options, **popen)
    name = " ".join(os.path.basename(str(a)) for a in argv)[:60]
    h.equal(run.returncode, status, f"{name}: status ({run.stderr.strip()[-300:]!r})")
    done = opened(run, file)
    h.check_stated(done, name)
    return done


def unharmed(argv, **popen):
    """The program prints what it prints alone and ends as alone."""
    alone = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=300, stdin=subprocess.DEVNULL, **popen)
    run, file = record(argv, **popen)
    status = alone.returncode if alone.returncode >= 0 else 128 - alone.returncode
    h.equal((run.returncode, run.stdout), (status, alone.stdout), f"{os.path.basename(argv[0])}: as alone ({run.stderr[-300:]!r})")
    return opened(run, file)


def refused(argv, words, manual, *options, **popen):
    """One line, status 125, and the manual says so."""
    run, _ = record(argv, *options, **popen)
    h.equal(run.returncode, 125, "status of a refusal")
    h.check(run.stderr.count("\n") == 1 and words in run.stderr, f"one line with {words!r}: {run.stderr!r}")
    h.equal(run.stdout, "", "the program is not started")
    documented(manual)
    return "refused: " + run.stderr.strip()[:150].partition(": ")[2]


def script(name):
    """A whole test of tests/e2e, once."""
    run = subprocess.run([sys.executable, os.path.join(h.SOURCE, "tests/e2e", name)], capture_output=True, text=True, timeout=900)
    need(run.returncode != h.SKIP, run.stdout.strip()[-150:])
    h.check(run.returncode == 0, f"tests/e2e/{name}: {run.stdout.strip()[-600:]}{run.stderr.strip()[-300:]}")
    return f"tests/e2e/{name}"


def show(verdict, group, name, note):
    row = f"{verdict}: {group + ':':<13} {name}" + (f" -- {note}" if note else "")
    print(row, flush=True)
    if "MEMPROF_ROWS" in os.environ:  # bootstrap collects those of all builds there
        with open(os.environ["MEMPROF_ROWS"], "a") as f:
            f.write(row + "\n")


def run_row(group, name, function):
    """PASS, REFUSED, SKIP or FAIL."""
    before = h.failures, h.checks
    try:
        note = function() or ""
        verdict = "PASS" if h.failures == before[0] and h.checks > before[1] else "FAIL"
    except NotMade as e:
        note, verdict = f"cannot be made here: {e}", "SKIP" if h.failures == before[0] else "FAIL"
    except (subprocess.TimeoutExpired, OSError, KeyError, ValueError) as e:
        note, verdict = f"{type(e).__name__}: {e}"[:300], "FAIL"
    show(verdict, group, name, note)
    return verdict


def run_rows(chosen):
    """Their table; the last lines are counts as Automake's."""
    verdicts = [run_row(r.group, r.name, r.function) for r in chosen]
    for verdict in ("PASS", "SKIP", "FAIL"):
        print(f"# {verdict}:  {verdicts.count(verdict)}")
    return verdicts


def run_all(long, patterns):
    verdicts = run_rows([r for r in rows if (r.long == long if not patterns else any(p in f"{r.group}: {r.name}" for p in patterns))])
    return 1 if "FAIL" in verdicts or not verdicts else 0


def run_group():
    """The short rows of one file, as a test of `make check`."""
    verdicts = run_rows([r for r in rows if not r.long and not r.tested])
    sys.exit(1 if "FAIL" in verdicts or not verdicts else 0 if "PASS" in verdicts else h.SKIP)
