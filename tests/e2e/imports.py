# SPDX-License-Identifier: Apache-2.0
"""What the places hold by which the modules of a running process call other modules' functions."""
import os
import re
import struct

JUMP_SLOT, GLOB_DAT, ABSOLUTE = 7, 6, 1  # of x86-64


def modules(pid):
    """(path, bias, the file's bytes) of every ELF file that is mapped."""
    found = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            m = re.match(r"([0-9a-f]+)-\S+ \S+ ([0-9a-f]+) \S+ [1-9]\d*\s+(/.*)$", line)
            if m and m[3] not in found and int(m[2], 16) == 0:
                found[m[3]] = int(m[1], 16)
    for path, start in found.items():
        try:
            with open(path.removesuffix(" (deleted)"), "rb") as f:
                data = f.read()
        except OSError:
            continue
        if data[:5] == b"\x7fELF\2":
            yield path, start, data


def segments(data):
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    return [struct.unpack_from("<IIQQQQQQ", data, offset + i * size) for i in range(count)]


def places_of(data):
    """Addresses, as linked, of all places that a relocation with a symbol fills in."""
    loads = [s for s in segments(data) if s[0] == 1]

    def at(address):
        for _, _, offset, start, _, size, _, _ in loads:
            if start <= address < start + size:
                return address - start + offset
        return None

    tags = {}
    for s in segments(data):
        if s[0] == 2:
            tags = dict(struct.unpack_from("<QQ", data, s[2] + i) for i in range(0, s[5] - 15, 16))
    for table, size in ((7, 8), (23, 2)):
        begin = at(tags[table]) if table in tags else None
        for i in range(0, tags.get(size, 0) if begin is not None else 0, 24):
            place, info = struct.unpack_from("<QQ", data, begin + i)
            if info & 0xffffffff in (JUMP_SLOT, GLOB_DAT, ABSOLUTE) and info >> 32:
                yield place


def imports(pid):
    """{(module, place): what it holds}"""
    held = {}
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for path, start, data in modules(pid):
            first = min((s[3] for s in segments(data) if s[0] == 1), default=0) & -4096
            for place in places_of(data):
                try:
                    held[path, place] = struct.unpack("<Q", os.pread(memory.fileno(), 8, start - first + place))[0]
                except (OSError, struct.error):
                    pass
    return held


def inside(pid, name):
    """Whether an address lies in a mapping whose path has that in it: [(start, end)]."""
    ranges = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            start, end = (int(x, 16) for x in line.split(" ", 1)[0].split("-"))
            if name in line:
                ranges.append((start, end))
    return ranges


def leads_into(pid, name, held=None):
    """Places that hold an address in such a mapping."""
    ranges = inside(pid, name)
    return [k for k, v in (held if held is not None else imports(pid)).items() if any(a <= v < b for a, b in ranges) and name not in k[0]]


def lies_in(pid, address, path):
    """Whether an address lies in a module: that of a place that is not bound yet is in its own."""
    return any(a <= address < b for a, b in inside(pid, path))
