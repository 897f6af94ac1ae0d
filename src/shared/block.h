/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small-object allocator as its users see it: blocks of up to BLOCK_LARGEST bytes.
 * Any thread, no lock, not in signal handlers; errno is left alone.  What is larger
 * is for another allocator, and block_owned tells the two apart by address.
 *
 * Blocks are aligned to POOL_STEP and have the bytes that block_size says, all of
 * which may be used.
 */
#ifndef MEMPROF_SHARED_BLOCK_H
#define MEMPROF_SHARED_BLOCK_H

#include "src/shared/owner.h"

/* The rest of block_alloc: the first block of a thread, of a pool, of size 0.  */
void *block_alloc_slowly(size_t size);

static inline bool block_fits(size_t size)
{
    return size <= BLOCK_LARGEST;
}

/*
 * A block of at least `size` bytes, not zeroed; of one byte for 0.  NULL: larger than
 * BLOCK_LARGEST, or no memory.
 */
static inline __attribute__((always_inline)) void *block_alloc(size_t size)
{
    struct owner *o = owner_mine;
    struct block *b;
    struct pool *p;

    if (__builtin_expect(size - 1 >= BLOCK_LARGEST || !o, 0))
        return block_alloc_slowly(size);
    p = o->used[geometry_class(size)];
    b = p->free;
    if (__builtin_expect(!b, 0))
        return pool_alloc_slowly(o, geometry_class(size));
    p->free = b->next;
    pool_set_word(p, pool_word(p) + 1);
    return b;
}

/* Whether the address is inside an arena.  Reads nothing there. */
static inline bool block_owned(const void *address)
{
    return radix_find(address) != NULL;
}

/* Free a block of any thread's.  false: not of an arena, nothing was done; NULL is such. */
static inline __attribute__((always_inline)) bool block_free(void *block)
{
    struct owner *its = radix_find(block), *o = owner_mine;

    if (__builtin_expect(!its, 0))
        return false;
    if (__builtin_expect(its == o, 1))
        pool_free(o, block);
    else
        owner_send(its, block);
    return true;
}

/* The bytes that a block has: those asked for, rounded up to its class.  `block` is owned. */
static inline size_t block_size(const void *block)
{
    return pool_of(block)->block_bytes;
}

/*
 * Give the operating system what the calling thread's owner does not need: empty
 * arenas, after looking what other threads freed.
 */
void block_trim(void);

#endif
