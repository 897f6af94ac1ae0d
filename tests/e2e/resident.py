# SPDX-License-Identifier: Apache-2.0
"""Unwind tables that memprof reads do not stay resident in programs with much code.

Each program keeps its /proc/self/smaps at its end, with memprof and without.  A mapping that it has
only with memprof, of a file whose code it runs, is the copy that the tables are read in (cficopy.h).
"""

import os
import re
import shutil
import subprocess

import harness as h

# KiB: CFICOPY_PARTS of CFICOPY_PART_BYTES, or of a file's folios where these are mapped whole; the
# kernel reads ahead by as much
PARTS = 12 * 128
KEEPER = os.path.join(h.BUILD, "tests/tools/smaps-preload.so")
LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) (\S+) \S+ \S+\s*(.*)$")


def mappings(path):
    """(file, offset, permissions) → [KiB, KiB that are resident]."""
    found = {}
    with open(path) as f:
        for line in f:
            head = LINE.match(line)
            if head:
                key = head[5], int(head[4], 16), head[3]
                now = found.setdefault(key, [0, 0])
                now[0] += (int(head[2], 16) - int(head[1], 16)) >> 10
            elif line.startswith("Rss:"):
                now[1] += int(line.split()[1])
    return found


def compilers():
    """Commands that work in one process of the name given, of programs with large unwind tables."""
    source = os.path.join(h.scratch, "load.c")
    with open(source, "w") as f:
        for i in range(100):
            f.write(f"struct s{i} {{ int a[{i + 1}]; struct s{i} *next; double d; }};\n"
                    f"int f{i}(struct s{i} *s, int k) {{ int sum = 0; for (; s; s = s->next) switch (s->a[0] % 7) {{\n"
                    f"case 1: sum += (int)(s->d * k); break; case 2: sum -= k / (sum | 1); break;\n"
                    f"default: for (int j = 0; j < {i + 1}; j++) sum ^= s->a[j] << j % 8; }} return sum; }}\n")
    gcc = shutil.which("gcc")
    cc1 = gcc and subprocess.run([gcc, "-print-prog-name=cc1"], capture_output=True, text=True).stdout.strip()
    if cc1 and os.path.isabs(cc1):
        yield "cc1", [cc1, "-quiet", "-O2", source, "-o", os.devnull]
    if shutil.which("clang"):
        yield "clang", ["clang", "-O2", "-c", source, "-o", os.path.join(h.scratch, "out.o")]


def look(name, argv):
    base = os.path.join(h.scratch, name)
    env = {"SMAPS_TO": base, "LD_PRELOAD": KEEPER}
    said = f"{base}.{name}"
    for _ in range(2):  # the first may read its files from the disk, and have less of them resident
        h.equal(h.bare(argv, env=env).returncode, 0, f"{name}: alone")
    if not h.check(os.path.exists(said), f"{name}: keeps its smaps"):
        return
    alone = mappings(said)
    os.unlink(said)
    run = h.profile(argv, env=env)
    h.equal(run.status, 0, f"{name}: status")
    h.equal(run.doc["loss"].get("truncated_stacks", 0), 0, f"{name}: stacks that were cut")
    under = mappings(said)
    code = {file for file, _, permissions in alone if "x" in permissions and file.startswith("/")}
    copies = {k: v for k, v in under.items() if k not in alone and k[0] in code and k[2] == "r--p"}
    size, resident = (sum(v[i] for v in copies.values()) for i in (0, 1))
    print(f"{name}: {len(copies)} copies of {size} KiB, {resident} KiB of them resident")
    h.check(copies, f"{name}: its tables are copied")
    h.check(size > 1.5 * PARTS, f"{name}: the copies have {size} KiB, more than may be resident")
    most = PARTS + 64 * len(copies)  # each may have a part more
    h.check(0 < resident <= most, f"{name}: {resident} KiB of the copies are resident, {most} may be")
    for file in sorted({k[0] for k in copies}):
        before, after = (sum(v[1] for k, v in of.items() if k[0] == file and k not in copies) for of in (alone, under))
        h.check(after - before <= 1024, f"{name}: of {file} itself {after - before} KiB more are resident")


h.need("plain")
if not os.path.exists(KEEPER):
    h.check(False, f"{KEEPER} is not built")
programs = list(compilers())
for name, argv in programs:
    look(name, argv)
if not programs:
    print("skipped: no compiler with large unwind tables")
    raise SystemExit(h.SKIP)
h.finish()
