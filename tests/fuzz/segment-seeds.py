#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz-segment into a directory: what targets do, and what a target
that overwrites its segment may do.  The numbers of actions and fields are those of
fuzz-segment.c."""

import os
import struct
import sys

ROUND, RECORD, FIELD, POKE, SEARCH, ASK, OWN, ALLOC = range(8)
(SNAPSHOT_SIGNALS, ENDING_CAUSE, ENDING_SIGNAL, ENDING_STACK, ENDING_REGISTERS,
 ENDING_SUPPRESSIONS, SETTINGS) = (5, 12, 13, 15, 16, 17, 26)
KIND_ALLOC, KIND_FREE, KIND_REGION = 1, 2, 25
STAMPED, BIG = 1, 2
WORDS = (0, 2, 1, 3, 1, 2, 1, 2, 2, 2, 4, 3, 5, 2, 2, 1, 1, 2, 2, 3, 2, 3, 1, 1, 4, 3)
STACK = 0x7FFFFFFDF000  # of the process that is searched
HUGE = 2**64 - 1


def u64(*values):
    return b"".join(struct.pack("<Q", value & HUGE) for value in values)


def record(thread, kind, address, *words, flags=0):
    return bytes([RECORD, thread]) + u64(address | flags << 48 | kind << 56, *words)


def field(which, value):
    return bytes([FIELD, which]) + u64(value)


def poke(page, offset, value):
    return bytes([POKE, page]) + struct.pack("<H", offset) + u64(value)


def ask(kind, address, flags):
    return bytes([ASK, kind]) + u64(address) + bytes([flags])


def own(place, start, end):
    return bytes([OWN, place]) + u64(start, end)


def alloc(thread, offset, size):
    return bytes([ALLOC, thread]) + struct.pack("<HH", offset, size)


def seeds():
    a_round, search = bytes([ROUND]), bytes([SEARCH])
    block = alloc(0, 0, 64)
    look = a_round + search + a_round

    yield "blocks", b"".join(alloc(i % 3, i * 64, 64) for i in range(20)) + look
    yield "end", (block + field(ENDING_REGISTERS, 7) + field(ENDING_STACK, STACK) +
                  field(ENDING_CAUSE, 1) + search + a_round + a_round)
    yield "fatal-signal", (block + field(ENDING_SIGNAL, 11) + field(ENDING_CAUSE, 5) +
                           field(ENDING_SUPPRESSIONS, STACK) + look)
    yield "end-unknown", block + field(ENDING_SIGNAL, 2**31) + field(ENDING_CAUSE, 77) + look
    yield "regions", block + b"".join(record(0, KIND_REGION, STACK + 64 * what, 64, what)
                                      for what in range(4)) + look
    yield "sizes", (record(0, KIND_ALLOC, 0x10000, 5, 1, flags=BIG) +
                    record(1, KIND_ALLOC, 0x20000, 2**32 - 1, 2**32 - 1, flags=BIG) + look)
    yield "kinds", b"".join(record(0, kind, 0x10000, *[16] * (words - 1))
                            for kind, words in enumerate(WORDS) if words) + look
    # the second page of the small segment has the table of modules
    yield "module", poke(1, 0, 0x400000) + poke(1, 8, 0x500000) + field(1, 1) + look
    yield "module-reversed", poke(1, 0, 0x500000) + poke(1, 8, 0x400000) + field(1, 1) + look
    yield "own", own(0, STACK, STACK + 4096) + own(1, 0, HUGE) + own(2, STACK + 8, 16) + block + look
    yield "requests", block + a_round + b"".join(ask(kind, STACK, 15) for kind in range(5)) + look
    yield "signals", field(SNAPSHOT_SIGNALS, 5) + a_round + field(SNAPSHOT_SIGNALS, HUGE) + a_round
    yield "settings", field(SETTINGS, HUGE) + block + look
    yield "stamps", (record(0, KIND_ALLOC, 0x1000, 8, 77, flags=STAMPED) +
                     record(1, KIND_ALLOC, 0x2000, 8, 99, flags=STAMPED) + a_round +
                     record(2, KIND_FREE, 0x1000, 100, flags=STAMPED) + a_round)


def main():
    for name, content in seeds():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(b"\1" + content)  # 1: with threads
    return 0


if __name__ == "__main__":
    sys.exit(main())
