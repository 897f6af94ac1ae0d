# SPDX-License-Identifier: Apache-2.0
"""Stacks and lines are those that gdb shows at a breakpoint in malloc."""
import os
import re
import shlex
import shutil
import subprocess
import sys

import harness as h

sys.path.insert(0, os.path.join(h.SOURCE, "bench"))
import workloads  # noqa: E402

GDB = shutil.which("gdb")
if not GDB:
    h.skip("gdb is not installed")
FRAME = re.compile(r"^#\d+ +(0x[0-9a-f]+ in )?(.+?) \(.*?(?: at ([^ ]+):(\d+)| from \S+)?$")


def breakpoints(argv, stdin, skips):
    """gdb's stacks, without malloc itself, at the calls of malloc after `skips` of them.

    Of functions inlined into each other only the outermost is kept, which is
    the one that every tool can name: gdb shows an address before the innermost.
    """
    commands = ["set pagination off", "set width 0", "set print frame-arguments none", "set debuginfod enabled off",
                "set breakpoint pending on", "break __libc_start_main", f"set args {shlex.join(argv[1:])} < {stdin} > /dev/null", "run", "break malloc"]
    for skip in skips:
        commands += [f"ignore 2 {skip}", "continue", "printf \"size %lu\\n\", $rdi", "bt"]
    arguments = [x for c in commands for x in ("-ex", c)]
    said = subprocess.run([GDB, "-q", "-nx", "-batch", *arguments, argv[0]], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "LC_ALL": "C"})
    stacks = []
    for line in said.stdout.splitlines():
        if re.fullmatch(r"size \d+", line):
            stacks.append((int(line.split()[1]), []))
        match = FRAME.match(line)
        if match and stacks:
            frames = stacks[-1][1]
            if frames and not match.group(1):
                frames.pop()
            frames.append((match.group(2), (match.group(3) or "").split("/")[-1], int(match.group(4) or 0)))
    return [(size, frames[1:]) for size, frames in stacks if len(frames) > 2]


def simple(function):
    """A name as both sides can be compared: no parameters, versions, or the aliases that libc has for its own use."""
    if not function or function == "??":
        return None
    return re.sub(r"^(__GI_)?_*|_?(new|file|IO)_|_impl$|@.*", "", h.plain_name(function))


def same(ours, theirs, lines):
    """Whether a traceback is gdb's stack; a name that one side does not know matches any."""
    ours = [f for f in ours if not f["inlined"]]
    if len(ours) < len(theirs):
        return False
    for mine, (function, file, line) in zip(ours, theirs):
        a, b = simple(mine["function"]), simple(function)
        if a and b and a != b:
            return False
        if lines and line and mine["file"] and (mine["file"].split("/")[-1], mine["line"]) != (file, line):
            return False
    return True


def compare(name, argv, skips, stdin=os.devnull, env=None, lines=True):
    os.environ.update(env or {})
    seen = breakpoints(argv, stdin, skips)
    if not h.check(len(seen) >= len(skips) - 1, f"{name}: gdb stopped {len(seen)} times"):
        return
    run = h.profile(argv, "--no-skip", stdin=stdin)
    for size, frames in seen:
        rows = [r for r in run.doc["stats"] if r["smallest"] <= size <= r["largest"]]
        shown = " < ".join(f"{f}{':' + str(n) if n else ''}" for f, _, n in frames)
        h.check(any(same(r["traceback"], frames, lines) for r in rows), f"{name}: a stack as gdb's for {size} bytes: {shown}")


compare("lines", [h.target("lines")], [0, 0, 0])
compare("frames", [h.target("frames")], [0, 7, 100])
compare("jump", [h.target("jump")], [0, 50, 900])
if os.path.exists(h.target("cxx-throw")):
    compare("cxx-throw", [h.target("cxx-throw")], [3, 10, 60])
for name in ["sqlite3", "jq", "perl"]:
    load = workloads.make(name, os.path.join(h.scratch, name), 0.02)
    if load:
        compare(name, load.argv, [20, 500, 1500, 1000], load.stdin or os.devnull, load.env, lines=False)
h.finish()
