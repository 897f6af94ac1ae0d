/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of a profile as memory again: a leakgraph (leakgraph.h) over the blocks,
 * pointers and roots that the last search kept, so that questions are answered by the
 * same code whether the process is there or not.  Of memory there is nothing but the words
 * that were kept; which pointers into a block count as its start is as the search found it
 * (profile.exceptions).
 *
 * Where the whole graph was kept (GRAPH_WHOLE) the kinds are those of profile.blocks.  A part
 * holds what one question needs: a block beside its chain may look lost here, and
 * profile.blocks is right.
 */
#ifndef MEMPROF_HOST_HEAPIMAGE_H
#define MEMPROF_HOST_HEAPIMAGE_H

#include "src/host/graph/leakgraph.h"
#include "src/host/profile/profile.h"

/* Words that lie together: so many of `words`, from row `first` on. */
struct heapimage_run {
    uint64_t address;
    uint32_t first, count;
};

struct heapimage {
    const struct profile *profile;
    struct leakgraph graph; /* its blocks are numbered as the rows of profile.blocks */
    uint64_t *words;
    struct heapimage_run *runs; /* ascending */
    uint32_t word_count, run_count;
    uint32_t last; /* run found last */
};

/*
 * Build and mark it; the profile must have passed profile_check, outlive the image and have a
 * graph (search.graph).  Roots keep the order of the profile's, and their `tag` is the row.
 * 0, or -1 with `e` set (out of memory; ERROR_FORMAT where roots repeat each other without end).
 * The image must not be moved.
 */
int heapimage_init(struct heapimage *h, const struct profile *p, struct error *e);
void heapimage_release(struct heapimage *h);

/* The row in profile.blocks of the block that holds an address, or UINT32_MAX. */
uint32_t heapimage_find(const struct heapimage *h, uint64_t address);

/*
 * The row in profile.roots that a reference comes from, UINT32_MAX when it is a block; and the
 * row in profile.pointers that holds it, UINT32_MAX when it is a value (a register's).
 */
uint32_t heapimage_root(const struct heapimage *h, const struct leakgraph_reference *r);
uint32_t heapimage_pointer(const struct heapimage *h, const struct leakgraph_reference *r);

#endif
