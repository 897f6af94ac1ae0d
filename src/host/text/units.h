/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people read them.  Every function writes a NUL-terminated text
 * into the caller's buffer and returns it.
 */
#ifndef MEMPROF_HOST_UNITS_H
#define MEMPROF_HOST_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_TEXT 40 /* room for any of them */

/*
 * Bytes in B, KiB, MiB, GiB or TiB (the units of Python's tracemalloc): the
 * largest unit that gives at least 1, with one decimal below 100.  `exact`
 * gives all digits, in B.
 */
const char *units_bytes(char text[UNITS_TEXT], uint64_t bytes, bool exact);

/*
 * The bytes that `text` says: digits, with a fraction where a unit follows, and B,
 * K, KiB, M, MiB, G, GiB, T or TiB, all of them powers of 1024, in either case.
 * false when it says none, or more than 2^63.
 */
bool units_parse_bytes(const char *text, uint64_t *bytes);

/* A count with its thousands separated: 1,521,714. */
const char *units_count(char text[UNITS_TEXT], uint64_t count);

/* `part` of `whole` in percent with one decimal, as in "3.5 %"; never "0.0 %" for something. */
const char *units_share(char text[UNITS_TEXT], uint64_t part, uint64_t whole);

/* Bytes a second: "1.2 MiB/s", "0.3 B/s", "-4.0 KiB/s". */
const char *units_rate(char text[UNITS_TEXT], double rate, bool exact);

/* Seconds: two decimals below 100, none above. */
const char *units_seconds(char text[UNITS_TEXT], double seconds);

/* Likewise with three decimals below 10, for moments that lie close together. */
const char *units_time(char text[UNITS_TEXT], double seconds);

#endif
