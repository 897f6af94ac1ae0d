/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .mprof file.  All numbers are little-endian.
 *
 *   header    16 bytes
 *     0  magic, 8 bytes: 0x89 "MPROF" CR LF.  The first byte is no text, the
 *        last two do not survive a transfer that converts line ends.
 *     8  u32 file version
 *    12  u32 CRC-32C of the 12 bytes before
 *   sections:
 *     0  u32 type, enum snapshot_section
 *     4  u32 version of this section's content
 *     8  u32 encoding, enum snapshot_encoding
 *    12  u32 CRC-32C of the stored bytes
 *    16  u64 stored bytes, which follow this header
 *    24  u64 raw bytes: what they decode to
 *    32  u32 CRC-32C of the 32 bytes before
 *
 * A reader skips sections of a type unknown to it and refuses a known one of a
 * later version.
 *
 * SNAPSHOT_STRINGS is a string table: NUL-terminated strings, back to back,
 * numbered from 0, the first one empty.  SNAPSHOT_CHANGES are the packed changes
 * of one moment (changes.h).  SNAPSHOT_COMMIT and SNAPSHOT_END see below.  All
 * other sections are tables in the form of columns.h with the columns listed in
 * snapshot-tables.c; times are in microseconds.
 *
 * A finished file has every table once, in any order, SNAPSHOT_CHANGES as often
 * as SNAPSHOT_MOMENTS has rows and in their order, and ends with SNAPSHOT_END:
 *     0  u64 the offset at which this section begins
 * SNAPSHOT_CUT is there only in a file made from one that was cut, and tells of that.
 * If a section's header is sound but the file does not hold all of it, or the
 * end marker is missing, the file was cut; a checksum that is wrong means that it
 * was damaged.  A cut file is of use when only timeline, marks, faults and moments are
 * not all there.
 *
 * A file in the making is a journal: its first section is SNAPSHOT_WRITER, and
 * its sections come in groups, each closed by SNAPSHOT_COMMIT:
 *     0  u64 the offset at which the group begins
 *     8  u32 the group's number, from 1
 *    12  u32 CRC-32C of the headers of the group's other sections, in order
 * A group adds to what the groups before it have:
 *     PROCESS, TOTALS, LOSS       in every group, in place of the earlier ones
 *     MODULES, THREADS, SAMPLES, DOMAINS   whole, in place of the earlier ones;
 *                                 missing if they have not changed
 *     STRINGS, FRAMES, NODES, SITES, MARKS, FAULTS, SNAPSHOT_POOLS, MOMENTS   rows behind the
 * earlier ones; missing if there are none CHANGES                     one for each of the group's
 * moments SIZES, CLASSES, POOLS, PINS, HEAP   all five, in place of the earlier ones; missing if
 * the heap was not looked at since SEARCH, LEAKS, BLOCKS, POINTERS, ROOTS, EXCEPTIONS, CONTENTS,
 * DUPLICATES   all eight, in place of the earlier ones; missing if no search for leaks was made
 * since There are no LINES, and the numbers of the sites are 0: they are the sums of the changes.
 * Of a last group that is not whole nothing is used.
 */
#ifndef MEMPROF_HOST_SNAPSHOT_FORMAT_H
#define MEMPROF_HOST_SNAPSHOT_FORMAT_H

#include <stdint.h>

#define SNAPSHOT_MAGIC "\x89MPROF\r\n"
#define SNAPSHOT_MAGIC_BYTES 8u
#define SNAPSHOT_VERSION 2u
#define SNAPSHOT_HEADER_BYTES 16u
#define SNAPSHOT_SECTION_HEADER_BYTES 36u
#define SNAPSHOT_COMMIT_BYTES 16u
#define SNAPSHOT_END_BYTES 8u

enum snapshot_section {
    SNAPSHOT_PROCESS = 1,
    SNAPSHOT_TOTALS = 2,
    SNAPSHOT_LOSS = 3,
    SNAPSHOT_STRINGS = 4,
    SNAPSHOT_MODULES = 5,
    SNAPSHOT_LINES = 6,
    SNAPSHOT_FRAMES = 7,
    SNAPSHOT_NODES = 8,
    SNAPSHOT_THREADS = 9,
    SNAPSHOT_SITES = 10,
    SNAPSHOT_SAMPLES = 11,
    SNAPSHOT_DOMAINS = 12,
    SNAPSHOT_MARKS = 13,
    SNAPSHOT_MOMENTS = 14,
    SNAPSHOT_CHANGES = 15,
    SNAPSHOT_WRITER = 16,
    SNAPSHOT_COMMIT = 17,
    SNAPSHOT_FAULTS = 18,
    SNAPSHOT_SIZES = 19,
    SNAPSHOT_CLASSES = 20,
    SNAPSHOT_POOLS = 21,
    SNAPSHOT_PINS = 22,
    SNAPSHOT_HEAP = 23,
    SNAPSHOT_CUT = 24,
    SNAPSHOT_SEARCH = 25,
    SNAPSHOT_LEAKS = 26,
    SNAPSHOT_BLOCKS = 27,
    SNAPSHOT_POINTERS = 28,
    SNAPSHOT_ROOTS = 29,
    SNAPSHOT_EXCEPTIONS = 30,
    SNAPSHOT_CONTENTS = 31,
    SNAPSHOT_DUPLICATES = 32,
    SNAPSHOT_SNAPSHOT_POOLS = 33,
    SNAPSHOT_SECTIONS,       /* one more than the last */
    SNAPSHOT_END = 0x444e45, /* "END" */
};

enum snapshot_encoding {
    SNAPSHOT_STORED = 0, /* as it is */
    SNAPSHOT_ZSTD = 1,   /* a zstd frame, perhaps with a skippable one behind it */
};

/*
 * How far a section, or the changes of a moment, may blow up: so many raw bytes
 * anyhow, beyond that no more than so many times the stored ones.  Tables of real
 * programs come to 20; behind what compresses better than that a writer puts a
 * skippable frame.  A hostile file cannot make a reader take memory, or time, out of
 * proportion to its own size.
 */
#define SNAPSHOT_RAW_FREE (UINT64_C(8) << 10)
#define SNAPSHOT_RAW_RATIO UINT64_C(100)

static inline int snapshot_ratio_allowed(uint64_t raw, uint64_t stored)
{
    return raw <= SNAPSHOT_RAW_FREE || raw / SNAPSHOT_RAW_RATIO <= stored;
}

#endif
