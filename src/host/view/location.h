/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Naming a place in a program in one line of text:
 *   btree.c:2304 in pcache1Alloc (libsqlite3.so.0)
 *   sqlite3_step+0x1a4 (libsqlite3.so.0)         no debug information
 *   libsqlite3.so.0+0x1f3a4                      no symbol either
 * Names are escaped and cut to `columns`; 0 means any width.
 */
#ifndef MEMPROF_HOST_LOCATION_H
#define MEMPROF_HOST_LOCATION_H

#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"
#include "src/host/view/view.h"

/* Line `line` of profile.lines, which belongs to `frame` (index or NO_FRAME). */
void location_line(struct strbuf *out, const struct profile *p, uint32_t line, uint32_t frame,
                   size_t columns);

/*
 * What a row of a view stands for, as its grouping names it.  A line without a
 * function's name is followed by the named function of the same module that its
 * heaviest stack entered it through: libsqlite3.so.0+0x1f3a4 under sqlite3_step.
 */
void location_row(struct strbuf *out, const struct profile *p, enum view_group group,
                  const struct view_row *row, size_t columns);

/* The last part of a path. */
const char *location_base(const char *path);

#endif
