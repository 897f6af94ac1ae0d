/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of live blocks, and of regions that the program named as roots, that may not be read
 * (PROT_NONE) and are there: what they point to cannot be known.  Pages that nobody ever wrote
 * to, such as the guard pages of stacks, hold nothing and do not count.
 *
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_CLOSEDPAGES_H
#define MEMPROF_HOST_CLOSEDPAGES_H

#include "src/host/search/heapcopy.h"
#include "src/host/search/leaklive.h"
#include "src/host/search/leakroots.h"

struct closedpages {
    struct heap_range *rows; /* ascending, apart */
    uint32_t count;
};

/*
 * Those near blocks and named roots of the process that `copy` looked at.  Of a process that has
 * ended meanwhile all pages count as there.  0, or -1 with `e` set: out of memory.
 */
int closedpages_find(struct closedpages *c, const struct heapcopy *copy,
                     const struct leaklive *live, const struct leakroots *roots, struct error *e);
void closedpages_release(struct closedpages *c);

/* How many bytes of a sealed graph's blocks, and of the named roots, lie in them. */
uint64_t closedpages_bytes(const struct closedpages *c, const struct leakgraph *g,
                           const struct leakroots *roots);

#endif
