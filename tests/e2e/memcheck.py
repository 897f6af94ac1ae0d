# SPDX-License-Identifier: Apache-2.0
"""memprof itself under Valgrind's Memcheck: a run with a search for leaks, and what reads its profile."""
import os
import shutil
import subprocess

import harness as h

if not shutil.which("valgrind"):
    h.skip("valgrind is not installed")
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--track-origins=yes", h.MEMPROF]
if subprocess.run([*VALGRIND, "--version"], capture_output=True).returncode != 0:
    h.skip("memprof does not run under Valgrind: it is built with a sanitizer, or Valgrind cannot read its DWARF (clang)")
profile = os.path.join(h.scratch, "checked.mprof")


def checked(*argv, status=0):
    run = subprocess.run([*VALGRIND, *argv], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    h.equal(run.returncode, status, f"memprof {argv[0]}: {run.stderr[:1500]}")
    h.check("==" not in run.stderr, f"memprof {argv[0]}: Valgrind says nothing: {run.stderr[:1500]}")
    return run.stdout


h.check("total_blocks=12" in checked("run", "-q", "-o", profile, "--", h.target("plain"), "3", status=3), "the program ran")
h.check("main" in checked("top", profile), "top shows it")
h.check("12 blocks" in checked("leaks", profile), "the search was made")
checked("stat", profile)
h.finish()
