/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address → owner of the arena it lies in, for any address whatever, in two loads
 * and without reading memory that may not be ours.  A radix tree of two levels over
 * the 48 bits of an address, less those inside an arena (as CPython's arena map,
 * Objects/obmalloc.c, since 3.10).  Arenas are aligned to their size, so that an
 * arena is one entry.
 *
 * Any thread may look up at any time, also in a signal handler.  Entries are changed
 * only for arenas that the caller owns.
 */
#ifndef MEMPROF_SHARED_RADIX_H
#define MEMPROF_SHARED_RADIX_H

#include "src/shared/geometry.h"

#include <stdatomic.h>
#include <stdbool.h>

struct owner;

#define RADIX_BITS ((ADDRESS_BITS - ARENA_BITS) / 2)
#define RADIX_FAN ((size_t)1 << RADIX_BITS)

struct radix_leaf {
    _Atomic(struct owner *) owners[RADIX_FAN];
};

extern _Atomic(struct radix_leaf *) radix_root[RADIX_FAN];

/* NULL: the address lies in no arena. */
static inline struct owner *radix_find(const void *address)
{
    uintptr_t key = (uintptr_t)address >> ARENA_BITS;
    struct radix_leaf *leaf;

    if (__builtin_expect(key >> (2 * RADIX_BITS) != 0, 0))
        return NULL;
    /* acquire: the leaf's entries, and in them what the owner was before the block was given out */
    leaf = atomic_load_explicit(&radix_root[key >> RADIX_BITS], memory_order_acquire);
    if (__builtin_expect(!leaf, 0))
        return NULL;
    return atomic_load_explicit(&leaf->owners[key & (RADIX_FAN - 1)], memory_order_acquire);
}

/* Enter the arena at `base`, or with NULL take it out.  false: no memory for a leaf. */
bool radix_set(const void *base, struct owner *owner);

#endif
