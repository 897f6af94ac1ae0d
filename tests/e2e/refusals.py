# SPDX-License-Identifier: Apache-2.0
"""What cannot be recorded is said in one clear line, with the right status."""
import os
import shutil
import stat
import subprocess

import harness as h


def memprof(*argv, env=None, cwd=None):
    return subprocess.run([h.MEMPROF, *argv], capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})},
                          cwd=cwd or h.scratch)


def one_line(run, status, what, word=None):
    h.equal(run.returncode, status, f"{what}: status")
    lines = run.stderr.strip().splitlines()
    h.check(len(lines) == 1 and lines[0].startswith("memprof: "), f"{what}: one line: {run.stderr!r}")
    h.check(word is None or word in run.stderr, f"{what}: the line has {word!r}: {run.stderr!r}")


one_line(memprof("run", "-q", "--", "/nonexistent/program"), 127, "no such program", "/nonexistent/program")
one_line(memprof("run", "-q", "--", "no-such-program-here"), 127, "not in PATH", "no-such-program-here")
text = os.path.join(h.scratch, "not-executable")
with open(text, "w") as f:
    f.write("hello\n")
one_line(memprof("run", "-q", "--", text), 126, "no permission", text)
os.chmod(text, 0o755)
garbage = os.path.join(h.scratch, "garbage")
with open(garbage, "wb") as f:
    f.write(b"\x7fELF" + bytes(200))
os.chmod(garbage, 0o755)
run = memprof("run", "-q", "--", garbage)
h.check(run.returncode in (125, 126) and len(run.stderr.splitlines()) == 1 and garbage in run.stderr, f"not a program: {run.stderr!r}")
one_line(memprof("run", "-q", "--", h.scratch), 126, "a directory")
one_line(memprof("run", "-q", "-o", "/nonexistent/x.mprof", "--", h.target("plain")), 125, "output cannot be written",
         "/nonexistent/x.mprof")
h.check(memprof("run", "-q", "-o", "/nonexistent/x.mprof", "--", h.target("plain")).stdout == "",
        "the program is not run when its profile could not be written")

# A static program: refused, unless it is allowed.
if os.path.exists(h.target("plain-static")):
    one_line(memprof("run", "-q", "--", h.target("plain-static"), "4"), 125, "static", "static")
    allowed = memprof("run", "-q", "--allow-unprofiled", "--", h.target("plain-static"), "4")
    h.equal(allowed.returncode, 4, "static, allowed: status")
    h.check("total_blocks=12" in allowed.stdout, "static, allowed: it ran")
else:
    print("no static target here")

# A program with its own malloc runs, and it is said that nothing was seen.
run = memprof("run", "-o", os.path.join(h.scratch, "own.mprof"), "--", h.target("own-malloc"))
h.equal(run.returncode, 5, "own malloc: status")
h.check("no allocator calls seen" in run.stderr, f"own malloc: said: {run.stderr!r}")

# Set-user-id: the loader drops the preload, so it is refused.
setuid = os.path.join(h.scratch, "setuid")
shutil.copy(h.target("plain"), setuid)
if os.geteuid() == 0:
    os.chown(setuid, 65534, 65534)
os.chmod(setuid, 0o755 | stat.S_ISUID)
one_line(memprof("run", "-q", "--", setuid), 125, "set-user-id", "setuid")

# Another architecture: an ELF header of a 32-bit program.
foreign = os.path.join(h.scratch, "foreign")
with open(h.target("plain"), "rb") as f:
    image = bytearray(f.read())
image[4] = 1  # ELFCLASS32
with open(foreign, "wb") as f:
    f.write(image)
os.chmod(foreign, 0o755)
run = memprof("run", "-q", "--", foreign)
h.check(run.returncode in (125, 126) and len(run.stderr.strip().splitlines()) == 1, f"foreign architecture: {run.stderr!r}")

# Scripts: the interpreter is what is recorded.
script = os.path.join(h.scratch, "script")
with open(script, "w") as f:
    f.write(f"#!/bin/sh\nexec {h.target('plain')} 6\n")
os.chmod(script, 0o755)
run = memprof("run", "-q", "-o", os.path.join(h.scratch, "script.mprof"), "--", script)
h.equal((run.returncode, "total_blocks=12" in run.stdout), (6, True), "script: status and output")

# No room for the recorder's memory, and no preload in a cleared environment: the program runs all the same.
for what, command in [("little address space", f"ulimit -v 400000; exec {h.target('plain')} 6"),
                      ("cleared environment", f"exec env -i {h.target('plain')} 6")]:
    run = memprof("run", "-o", os.path.join(h.scratch, "limit.mprof"), "--", "sh", "-c", command)
    h.equal((run.returncode, "total_blocks=12" in run.stdout), (6, True), f"{what}: status and output")
    h.check("not recorded" in run.stderr or "live at exit   11.7 KiB" in run.stderr, f"{what}: recorded, or said: {run.stderr!r}")

# A preload library that another build left beside memprof: the program runs, and it is said why nothing was recorded.
mixed = os.path.join(h.scratch, "mixed")
os.makedirs(os.path.join(mixed, ".libs"))
shutil.copy(h.MEMPROF, mixed)
shutil.copy(os.path.join(h.BUILD, "tests/tools/other-version.so"), os.path.join(mixed, ".libs", "libmemprof-preload.so"))
run = subprocess.run([os.path.join(mixed, "memprof"), "run", "-o", os.path.join(h.scratch, "mixed.mprof"), "--", h.target("plain"), "6"],
                     capture_output=True, text=True, timeout=60)
h.equal((run.returncode, "total_blocks=12" in run.stdout), (6, True), "another version: status and output")
h.check("not recorded: libmemprof-preload.so is of another version than memprof" in run.stderr, f"another version: said: {run.stderr!r}")
h.check("no allocator calls" not in run.stderr, f"another version: nothing else is said: {run.stderr!r}")

# Usage.
h.equal(memprof("run").returncode, 125, "run without a program: status")
h.equal(memprof("run", "--no-such-option", "--", "true").returncode, 125, "unknown option: status")
h.check(memprof("run", "--help").returncode == 0, "help is no error")
h.check(memprof("top", os.path.join(h.scratch, "none.mprof")).returncode != 0, "top of a missing file fails")
damaged = memprof("top", text)
h.check(damaged.returncode != 0 and damaged.stderr.startswith("memprof: "), "top of a file that is no profile fails")
h.finish()
