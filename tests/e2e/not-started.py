# SPDX-License-Identifier: Apache-2.0
"""Forks and executions that fail leave nothing in the tree, and take nothing from what goes on."""
import json
import os
import shutil
import subprocess

import harness as h

h.need("not-started")
TARGET = h.target("not-started")
STATIC = h.target("plain-static")


def run(argv, *options, cwd=None):
    return subprocess.run([h.MEMPROF, "run", *options, "--", *argv], cwd=cwd, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)


def images(folder):
    text = subprocess.run([h.MEMPROF, "tree", "--json", folder], capture_output=True, text=True, timeout=60)
    h.equal(text.returncode, 0, f"memprof tree {folder}: {text.stderr.strip()}")
    return json.loads(text.stdout)["images"]


def made(name, bytes_, mode=0o755):
    path = os.path.join(h.scratch, name)
    with open(path, "wb") as f:
        f.write(bytes_)
    os.chmod(path, mode)
    return path


def other_machine(program):
    """A 64-bit ELF file of AArch64, which binfmt_misc would have to know."""
    with open(program, "rb") as f:
        bytes_ = bytearray(f.read())
    bytes_[18:20] = (0xb7).to_bytes(2, "little")
    return bytes(bytes_)


# what there is that is not executed, and whether it is open for writing meanwhile
FILES = {
    "text without #!": (made("text", b"exit 5\n"), False),
    "no interpreter": (made("script", b"#!/nonexistent/interpreter\n"), False),
    "no such file": (os.path.join(h.scratch, "nothing"), False),
    "no x bit": (made("plain", b"#!/bin/sh\n", 0o644), False),
    "a folder": (h.scratch, False),
    "another machine": (made("machine", other_machine(TARGET)), False),
    "garbage": (made("garbage", b"\x7fELF" + bytes(range(200))), False),
    "written": (shutil.copy(TARGET, os.path.join(h.scratch, "written")), True),
}
if os.path.exists(STATIC):
    FILES["static, written"] = (shutil.copy(STATIC, os.path.join(h.scratch, "written-static")), True)
    FILES["static, too many arguments"] = (STATIC, False)

for name, (path, busy) in FILES.items():
    argv = [path] + (["big"] if "arguments" in name else [])
    folder = os.path.join(h.scratch, "d-" + name.replace(" ", "-"))
    place = os.path.join(h.scratch, "p-" + name.replace(" ", "-"))
    writer = open(path, "r+b") if busy else None
    h.equal(subprocess.run([TARGET, "tree", *argv], timeout=60).returncode, 0, f"{name}: without memprof")
    result = run([TARGET, "tree", *argv], "-o", folder + "/")
    h.equal(result.returncode, 0, f"{name}: fails as it does alone: {result.stderr}")
    rows = images(folder)
    h.equal([(i["program"], i["forked"], i["reason"], i.get("quiet_children")) for i in rows],
            [("not-started", False, None, 1), ("not-started", True, None, 0)], f"{name}: rows")
    h.equal([(i["inherited_blocks"], i["total_blocks"], i["live_blocks"]) for i in rows[1:]], [(100, 5, 65)],
            f"{name}: a child that goes on has what its parent had")
    h.equal([i["ended"] for i in rows], ["status", "status"], f"{name}: ends")
    shown = subprocess.run([h.MEMPROF, "tree", folder], capture_output=True, text=True, timeout=60).stdout
    h.equal(shown.count("not recorded"), 0, f"{name}: {shown}")

    os.mkdir(place)
    result = run([TARGET, "place", *argv], cwd=place)
    h.equal((result.returncode, [n.split(".")[-1] for n in os.listdir(place)]), (0, ["mprof"]),
            f"{name}: one process has one profile and no folder: {result.stderr}")
    h.check("processes:" not in result.stderr, f"{name}: one process has no table: {result.stderr}")
    if writer:
        writer.close()

if os.geteuid() == 0:
    os.chmod(h.scratch, 0o755)
    for name in ("text without #!", "garbage"):
        folder = os.path.join(h.scratch, "u-" + name.replace(" ", "-"))
        result = run([TARGET, "unheard", FILES[name][0]], "-o", folder + "/")
        h.equal((result.returncode, [i["reason"] for i in images(folder)]), (0, [None]),
                f"unheard, {name}: not counted as not recorded: {result.stderr}")

# a shell reads a script itself that the kernel does not take
text = FILES["text without #!"][0]
folder = os.path.join(h.scratch, "shell")
result = run(["/bin/sh", "-c", f"'{text}'; echo $?"], "-o", folder + "/")
h.equal((result.returncode, result.stdout), (0, "5\n"), "a script without #!: what it does")
h.equal([i["reason"] for i in images(folder)], [None] * len(images(folder)), "a script without #!: rows")

folder = os.path.join(h.scratch, "forks")
result = run([TARGET, "forks"], "-o", folder + "/")
if result.returncode == 3:
    h.skip("the number of processes cannot be limited")
h.equal(result.returncode, 0, f"forks that fail: errno as it is alone: {result.stderr}")
h.equal([i.get("quiet_children") for i in images(folder)], [1], "forks that fail are no children")
h.finish()
