/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of a profile as memory again: a leakgraph (leakgraph.h) over the blocks,
 * pointers and roots that the last search kept, so that questions are answered by the
 * same code whether the process is there or not.  Memory reads as zeros but for the
 * words that were kept; which pointers into a block count as its start is as the search
 * found it (profile.exceptions).
 */
#ifndef MEMPROF_HOST_HEAPIMAGE_H
#define MEMPROF_HOST_HEAPIMAGE_H

#include "src/host/leakgraph.h"
#include "src/host/profile.h"

struct heapimage {
    const struct profile *profile;
    struct leakgraph graph;
    uint32_t *rows;               /* of a block of the graph: its row in profile.blocks */
    struct heapimage_page *pages; /* by address */
    uint32_t page_count;
};

/*
 * Build and mark it; the profile must outlive it and have a graph (search.graph).
 * Roots are numbered as in the profile.  0, or -1 with `e` set.
 */
int heapimage_init(struct heapimage *h, const struct profile *p, struct error *e);
void heapimage_release(struct heapimage *h);

/* The row in profile.blocks of the block that holds an address, or UINT32_MAX. */
uint32_t heapimage_find(struct heapimage *h, uint64_t address);

#endif
