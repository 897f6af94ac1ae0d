/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile that grows by checkpoints (checkpoint.h).  The writer's thread
 * takes each of them in like this:
 *
 *   profile_append(&whole, &c->part)             rows and totals
 *   profile_change(&whole, c->changes, ...)      the numbers of its sites
 *   changes_encode(&packed, c->changes, ...)
 *   series_add(&series, c->part.moments, &packed)
 *   journal_append(&journal, &whole, &series, c->part.moments, &packed)
 *
 * and the reader of a file that was never finished does the same with what it
 * finds there.
 */
#ifndef MEMPROF_HOST_PROFILE_APPEND_H
#define MEMPROF_HOST_PROFILE_APPEND_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

/*
 * Add `part` to `whole`.  Everything in it is checked first: indices against
 * what the whole has with it, parents before children, strings; a whole that
 * held together does so afterwards, but for its frames, which get no lines.
 * Modules, threads and domains may become more, never fewer; where part has no
 * rows of one of these, or no samples, the whole's stay.
 *
 * The strings of part go into the whole's table and all ids in part become
 * those, the moments' labels too.  Its moments stay where they are.
 * 0; or -1 with `e` set (ERROR_FORMAT: part does not fit) and the whole as it was
 * but for strings.
 */
int profile_append(struct profile *whole, struct profile *part, struct error *e);

/* The same for a part whose string ids are the whole's; part.strings is not looked at. */
int profile_append_rows(struct profile *whole, struct profile *part, struct error *e);

/*
 * Add differences to the numbers of the whole's sites, up to the time `seconds`,
 * which is when a site last allocated as far as can be told from them.  0, or -1
 * with `e` set (ERROR_FORMAT: no such site) and nothing changed.
 */
int profile_change(struct profile *whole, const struct profile_change *rows, uint32_t count,
                   double seconds, struct error *e);

#endif
