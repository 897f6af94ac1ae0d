/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the small-object allocator's own structures agree with each other: every
 * list, count, link and table of an owner.  For tests and for looking for who
 * overwrites memory.  Takes time in proportion to the free blocks.
 */
#ifndef MEMPROF_SHARED_POOLCHECK_H
#define MEMPROF_SHARED_POOLCHECK_H

#include "src/shared/owner.h"

struct poolcheck {
    const char *wrong; /* what the first thing is that does not agree; NULL: all does */
    const void *where; /* the pool, arena or block */
    uint64_t blocks;   /* in use, as counted on the way */
};

/* The calling thread's owner, or one whose thread does nothing meanwhile. */
bool poolcheck_owner(struct owner *o, struct poolcheck *found);

/* All owners.  No other thread may be in the allocator. */
bool poolcheck_all(struct poolcheck *found);

#endif
