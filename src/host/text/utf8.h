/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading UTF-8 (RFC 3629) out of bytes nobody vouches for: names of symbols,
 * files and threads may be anything.
 */
#ifndef MEMPROF_HOST_UTF8_H
#define MEMPROF_HOST_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX 4 /* bytes of the longest sequence */

/*
 * Decode the character at the start of the NUL-terminated `text` into `*code`.
 * Returns its length in bytes; 0 when the bytes there are no valid sequence
 * (overlong forms, surrogates and codes above U+10FFFF are not) or at the end.
 */
size_t utf8_decode(const char *text, uint32_t *code);

/* Columns a terminal gives to a printable character: 0, 1 or 2. */
unsigned utf8_columns(uint32_t code);

#endif
