/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would go with the live blocks of a line or function, or with a single block: their
 * retained size (leakgraph.h), over the heap that a profile keeps whole.
 */
#ifndef MEMPROF_HOST_RETAINED_H
#define MEMPROF_HOST_RETAINED_H

#include "src/host/leaks/heapimage.h"
#include "src/host/view/siterows.h"

struct retained_row {
    uint32_t row; /* of siterows.rows: the place */
    uint64_t bytes, blocks;
    uint64_t retained; /* bytes that only its blocks hold, each counted once, their own included */
};

struct retained {
    struct siterows places;
    struct retained_row *rows; /* that hold most, or have most bytes, first */
    uint32_t row_count;
    uint32_t *blocks; /* rows in profile.blocks, that hold most first: as many as there are */
    uint32_t block_count;
    uint64_t bytes; /* live in all */
};

/* Rows sorted by what they hold, or `by_own` bytes.  0, or -1 with `e` set (ERROR_REFUSED: the
 * graph was not kept whole; out of memory). */
int retained_make(struct retained *r, struct heapimage *h, enum view_group group, bool by_own,
                  const struct skiplist *skip, struct error *e);
void retained_release(struct retained *r);

#endif
