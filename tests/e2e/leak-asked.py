# SPDX-License-Identifier: Apache-2.0
"""Programs that ask for a search for leaks, name regions, ignore blocks: by memprof.h, and by LeakSanitizer's functions."""
import json
import subprocess

import harness as h

target = h.target("leak-asked")


def ask(*arguments, options=()):
    run = h.profile([target, *arguments], "--leak-check=summary", *options)
    h.equal((run.status, run.stated.get("failed")), (0, 0), f"{arguments} {options}: {run.out}")
    return run


def leaks(run):
    return json.loads(subprocess.run([h.MEMPROF, "leaks", "--json", "-", run.profile], capture_output=True, text=True, timeout=120).stdout)["leaks"]


run = ask()
found = leaks(run)
for kind in ("definite", "indirect"):
    h.equal(found[kind]["bytes"], run.stated[f"{kind}_bytes"], f"{kind} at the end")
h.equal(found["suppressed"]["bytes"] >= run.stated["suppressed_bytes"], True, "what the program itself suppresses")
ask("threads")
ask(options=["--leak-stop=signal"])
ask("threads", options=["--leak-stop=signal"])
ask(options=["--allocator=pool"])
h.equal(h.profile([target], "--leak-check=no").stated.get("failed"), 0, "asked where nobody looks at the end")
run = h.bare([target, "bare"])
h.equal((run.returncode, h.stated(run.stdout).get("failed")), (0, 0), f"without memprof: {run.stdout}")
h.finish()
