/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the small-object allocator holds at this moment, all threads together.  Any
 * thread may ask at any time; others go on meanwhile, so that the numbers of pools
 * that they work in are those of slightly different moments.  Each pool by itself is
 * counted consistently.  Bytes add up: mapped = used + free blocks + tails + headers + free pools.
 */
#ifndef MEMPROF_SHARED_CENSUS_H
#define MEMPROF_SHARED_CENSUS_H

#include "src/shared/geometry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_totals {
    uint64_t mapped;     /* arenas that are mapped now */
    uint64_t high_water; /* the most that ever were at a time */
    uint64_t taken;      /* from the operating system so far */
    uint64_t returned;   /* to it so far */
    uint64_t kept_bytes; /* for owners, descriptors and the radix tree's leaves */
};

struct class_census {
    uint64_t pools; /* that are not empty, and empty ones kept for the class */
    uint64_t full;  /* pools without a free block: among them all, whether in a list or not */
    uint64_t used;  /* blocks; those on their way from one thread to another included */
    uint64_t free;  /* blocks, never used ones included */
};

struct census {
    struct arena_totals arenas;
    uint64_t seen;         /* arenas that were mapped when looked at */
    uint64_t empty;        /* of these, without a pool in use */
    uint64_t pools_free;   /* in the arenas, never opened ones included */
    uint64_t used_bytes;   /* blocks in use, as large as their class */
    uint64_t free_bytes;   /* free blocks of pools in use */
    uint64_t header_bytes; /* of pools in use */
    uint64_t tail_bytes;   /* of pools in use: where no block fits */
    struct class_census classes[POOL_CLASSES];
};

void census_take(struct census *census);

/*
 * For who reads them elsewhere: add an arena at `base`, given the words of its first
 * `opened` pools (pool.h).
 */
void census_add(struct census *census, uintptr_t base, const uint32_t *words, uint32_t opened);

#endif
