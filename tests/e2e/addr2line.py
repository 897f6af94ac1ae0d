#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The symbolizer and binutils' addr2line agree on the call sites of a real program.

The program is symbolize-file, the symbolizer itself, as it was just built.
addr2line 2.40 does not see what clang inlined under DWARF 5, so whole chains are
compared for gcc only; the line of the call and the function that contains it always.
"""
import os
import re
import shutil
import subprocess
import sys

TOOL = os.path.join(os.environ.get("top_builddir", "."), "tests/tools/symbolize-file")


def call_sites(program):
    """The addresses one below each return address in .text."""
    command = ["objdump", "-d", "-j", ".text", "--no-show-raw-insn", program]
    sites, after_call = [], False
    for text in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        found = re.match(r"\s*([0-9a-f]+):\s+(\S+)", text)
        if found and after_call:
            sites.append(int(found[1], 16) - 1)
        after_call = bool(found) and found[2] in ("call", "callq", "bl", "blr")
    return sites


def chains(command, sites):
    """{address: [(function, "file:line"), …]}, the innermost call first."""
    given = "".join(f"{site:x}\n" for site in sites)
    lines = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    answers, at = {}, None
    rows = iter(lines.stdout.splitlines())
    for row in rows:
        if re.fullmatch("0x[0-9a-f]{16}", row):
            at = int(row, 16)
            answers[at] = []
        else:
            place = re.sub(r" \(discriminator \d+\)$", "", next(rows))
            answers[at].append((row, os.path.normpath(place.replace(":?", ":0"))))
    return answers


def known(chain):
    return bool(chain) and not chain[0][1].endswith(":0")


def by_gcc(program):
    comments = subprocess.run(["readelf", "-p", ".comment", program], capture_output=True, text=True)
    return "clang" not in comments.stdout


def main():
    if not all(shutil.which(tool) for tool in ("addr2line", "objdump", "readelf")):
        sys.exit(77)
    sites = call_sites(TOOL)
    ours = chains([TOOL, TOOL], sites)
    theirs = chains(["addr2line", "-a", "-f", "-i", "-C", "-e", TOOL], sites)
    compared = [site for site in sites if known(theirs[site])]
    whole = by_gcc(TOOL)
    different = [
        site
        for site in compared
        if not known(ours[site])
        or ours[site][0][1] != theirs[site][0][1]
        or ours[site][-1][0] != theirs[site][-1][0]
        or (whole and ours[site] != theirs[site])
    ]
    print(f"{len(compared)} call sites compared, {len(different)} different")
    for site in different[:5]:
        print(f"{site:x}\n  ours      {ours[site]}\n  addr2line {theirs[site]}")
    if len(compared) < 300:
        sys.exit("too few call sites: was the program built without -g?")
    sys.exit(1 if different else 0)


main()
