/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .mprof file.  All numbers are little-endian.
 *
 *   header    16 bytes
 *     0  magic, 8 bytes: 0x89 "MPROF" CR LF.  The first byte is no text, the
 *        last two do not survive a transfer that converts line ends.
 *     8  u32 file version
 *    12  u32 CRC-32C of the 12 bytes before
 *   sections, in any order, each at most once:
 *     0  u32 type, enum snapshot_section
 *     4  u32 version of this section's content
 *     8  u32 encoding, enum snapshot_encoding
 *    12  u32 CRC-32C of the stored bytes
 *    16  u64 stored bytes, which follow this header
 *    24  u64 raw bytes: what they decode to
 *    32  u32 CRC-32C of the 32 bytes before
 *   an end marker, a section of type SNAPSHOT_END, whose 8 stored bytes are the
 *   offset at which it begins; the file ends with it.
 *
 * A section whose header is sound but which the file does not wholly hold, or
 * a missing end marker, means that the file was cut; a checksum that is wrong
 * means that it was damaged.  A reader skips sections of a type unknown to it
 * and refuses a known one of a later version.
 *
 * SNAPSHOT_STRINGS is the string table: NUL-terminated strings, back to back,
 * the first one empty.  All other sections are tables in the form of columns.h
 * with the columns listed in snapshot-tables.c; times are in microseconds.
 */
#ifndef MEMPROF_HOST_SNAPSHOT_FORMAT_H
#define MEMPROF_HOST_SNAPSHOT_FORMAT_H

#include <stdint.h>

#define SNAPSHOT_MAGIC "\x89MPROF\r\n"
#define SNAPSHOT_MAGIC_BYTES 8u
#define SNAPSHOT_VERSION 1u
#define SNAPSHOT_HEADER_BYTES 16u
#define SNAPSHOT_SECTION_HEADER_BYTES 36u

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
    SNAPSHOT_SECTIONS,       /* one more than the last */
    SNAPSHOT_END = 0x444e45, /* "END" */
};

enum snapshot_encoding {
    SNAPSHOT_STORED = 0, /* as it is */
    SNAPSHOT_ZSTD = 1,   /* one zstd frame */
};

/*
 * How far a section may blow up: so many raw bytes anyhow, beyond that no more
 * than so many times the stored ones.  A writer stores a section that
 * compresses better as it is.  A hostile file cannot make a reader take memory
 * out of proportion to its own size.
 */
#define SNAPSHOT_RAW_FREE (UINT64_C(16) << 20)
#define SNAPSHOT_RAW_RATIO UINT64_C(1000)

static inline int snapshot_ratio_allowed(uint64_t raw, uint64_t stored)
{
    return raw <= SNAPSHOT_RAW_FREE || raw / SNAPSHOT_RAW_RATIO <= stored;
}

#endif
