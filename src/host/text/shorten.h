/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fitting names into a column.  Both functions append the escaped text, at
 * most `columns` wide; 0 means any width.
 */
#ifndef MEMPROF_HOST_SHORTEN_H
#define MEMPROF_HOST_SHORTEN_H

#include "src/host/text/strbuf.h"

/*
 * A function: as it is where it fits, else without return type and parameters,
 * else with its template arguments folded to <...>, else the end of that, from a
 * :: on where one is near.
 */
void shorten_function(struct strbuf *out, const char *name, size_t columns);

/* A path: its end, cut at a slash where there is one. */
void shorten_path(struct strbuf *out, const char *path, size_t columns);

/* Running text: its beginning. */
void shorten_text(struct strbuf *out, const char *text, size_t columns);

#endif
