# SPDX-License-Identifier: Apache-2.0
"""The pager: on a terminal only, the one that the user chose, and never in the way."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios

import harness as h

run = h.profile([h.target("entry-points")])
note = os.path.join(h.scratch, "pager-was-here")


def on_terminal(*options, **variables):
    """Exit status and output of `memprof top` with a terminal of 24 x 80 as its standard output."""
    env = {k: v for k, v in os.environ.items() if k not in ("PAGER", "MEMPROF_PAGER", "LESS", "LV", "NO_COLOR")}
    env.update({"TERM": "xterm", "LC_ALL": "C", **variables})
    if os.path.exists(note):
        os.unlink(note)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([h.MEMPROF, *options, run.profile], stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
    os.close(theirs)
    output = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    status = process.wait(timeout=60)
    os.close(ours)
    return status, output.decode(errors="replace")


pager = f"touch {note}; echo LESS=$LESS; exec cat"
status, text = on_terminal("top", MEMPROF_PAGER=pager)
h.check(status == 0 and os.path.exists(note), f"MEMPROF_PAGER is run (status {status})")
h.check("entry-points.c:" in text and "LESS=FRX" in text, f"and gets the report, with LESS set: {text[:200]!r}")
h.check("\x1b[1m" in text, "colours are kept")
wide = [l for l in re.sub("\x1b\\[[0-9]*m", "", text).splitlines() if len(l) > 80]
h.equal(wide, [], "rows fit the terminal behind the pager")
status, text = on_terminal("top", MEMPROF_PAGER=pager, LESS="Q")
h.check("LESS=Q" in text, "what the user set in LESS stays")
status, text = on_terminal("top", PAGER=pager)
h.check(status == 0 and os.path.exists(note), "PAGER is the second choice")
status, text = on_terminal("top", PAGER="false", MEMPROF_PAGER=pager)
h.check(os.path.exists(note), "MEMPROF_PAGER comes before PAGER")
status, text = on_terminal("stat", MEMPROF_PAGER=pager)
h.check(status == 0 and os.path.exists(note) and "Live bytes over time" in text, "memprof stat has a pager")

for variables in ({"MEMPROF_PAGER": ""}, {"MEMPROF_PAGER": "cat", "PAGER": pager}, {"MEMPROF_PAGER": "/no/such/pager"}, {"PATH": "/nonexistent"}):
    status, text = on_terminal("top", **variables)
    h.check(status == 0 and "entry-points.c:" in text and not os.path.exists(note), f"without a pager ({variables}) the report is printed: {status} {text[:200]!r}")
status, text = on_terminal("top", "--no-pager", MEMPROF_PAGER=pager)
h.check(status == 0 and not os.path.exists(note) and "entry-points.c:" in text, "--no-pager prints directly")
status, text = on_terminal("top", "-g", "traceback", "-t", "0", MEMPROF_PAGER="true")
h.equal(status, 0, "a pager that reads nothing is no error")
status, text = on_terminal("top", "-g", "traceback", "-t", "0", MEMPROF_PAGER="exit 3")
h.equal(status, 0, "nor is its own status ours")
for option in ("--json", "--csv", "--folded"):
    status, text = on_terminal("top", option, "-", MEMPROF_PAGER=pager)
    h.check(status == 0 and not os.path.exists(note), f"{option} - has no pager")
status, text = on_terminal("stat", "--json", "-", MEMPROF_PAGER=pager)
h.check(status == 0 and not os.path.exists(note), "stat --json - has no pager")

piped = subprocess.run([h.MEMPROF, "top", run.profile], capture_output=True, text=True, env={**os.environ, "MEMPROF_PAGER": pager})
h.check(piped.returncode == 0 and not os.path.exists(note), "no pager into a pipe")
h.finish()
