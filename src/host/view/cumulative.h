/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that hold what was allocated below a line: every line of a stack is
 * charged with all that the stack allocated, once where it recurs.
 *
 * The stacks are a trie whose nodes come behind their parents.  One pass from its
 * end sums up what lies below each node; one walk from the roots charges a
 * node's lines with that, unless a node further out charged the same row already.
 * So the time goes with the nodes, not with the stacks' lengths.
 */
#ifndef MEMPROF_HOST_CUMULATIVE_H
#define MEMPROF_HOST_CUMULATIVE_H

#include "src/host/view/viewrows.h"

/* One site that the view is about, with its stats at the moment. */
struct view_part {
    const struct profile_site *site;
    const struct profile_stats *stats;
    uint64_t weight;
};

/*
 * Gather the rows of the parts by `group` (a line, function, file or module)
 * into `rows`, which has room for cumulative_room rows.  `choices` are those of
 * line_choices with the same `skip`.  0, or -1 when memory runs out.
 */
int cumulative_gather(struct viewrows *rows, enum view_group group, const struct view_part *parts,
                      size_t count, const struct line_choice *choices, const struct skiplist *skip);

/* The most rows that there can be. */
size_t cumulative_room(const struct profile *p);

#endif
