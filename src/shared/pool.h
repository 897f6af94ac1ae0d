/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: one size class each, cut into blocks as they are asked for.  A pool lies
 * at a multiple of its size and holds its header at a place that its address tells,
 * so that a block's address gives its pool.  Modelled on CPython's obmalloc: a pool is empty (in
 * its arena's list of free pools), used (in its owner's list of its class) or full (in no list).
 *
 * Everything here belongs to one owner and is called by the thread that has it (see
 * owner.h).  Only `word` may be read by others.
 */
#ifndef MEMPROF_SHARED_POOL_H
#define MEMPROF_SHARED_POOL_H

#include "src/shared/geometry.h"

#include <stdatomic.h>
#include <stdbool.h>

struct arena;
struct owner;

/* A free block: the link lies in it. */
struct block {
    struct block *next;
};

/*
 * What a pool is doing, in one word, so that who only looks sees a consistent state:
 *   bits 0-15   blocks in use; one more with POOL_SPARE; 1 with POOL_FULL
 *   bits 16-17  flags
 *   bits 24-31  class + 1, 0 while the pool is empty
 * A free subtracts one, and has something to do beyond that only when bits 0-15 come to 0: the pool
 * was full, or its last block came back.
 */
#define POOL_COUNT UINT32_C(0xffff)
#define POOL_FULL (UINT32_C(1) << 16)
#define POOL_SPARE                                                                                 \
    (UINT32_C(1) << 17) /* kept for its class even when its last block comes back                  \
                         */
#define POOL_CLASS_SHIFT 24

struct pool {
    struct block *free;        /* blocks that came back, or were carved and not given out yet */
    struct pool *next, *prev;  /* in the list of the class; with `next` only, of the arena */
    struct arena *arena;       /* which it lies in */
    _Atomic uint32_t word;     /* written by the owner only */
    uint16_t carved, capacity; /* blocks: so far, and in all */
    uint16_t before;           /* blocks that lie before this header */
    uint16_t block_bytes;
};
_Static_assert(sizeof(struct pool) <= POOL_HEADER_BYTES, "the header fits its place");

/* Stands for a pool without free blocks at the head of a list that is empty.  Never written to. */
extern struct pool pool_none;

static inline uintptr_t pool_base(const void *block)
{
    return (uintptr_t)block & ~(uintptr_t)(POOL_BYTES - 1);
}
static inline struct pool *pool_at(uintptr_t base)
{
    return (struct pool *)(base + geometry_colour(base));
}
static inline struct pool *pool_of(const void *block)
{
    return pool_at(pool_base(block));
}
/* Where a pool's block of that number lies. */
static inline char *pool_block(const struct pool *p, uint32_t number)
{
    if (number < p->before)
        return (char *)pool_base(p) + (size_t)number * p->block_bytes;
    return (char *)(uintptr_t)p + POOL_HEADER_BYTES + (size_t)(number - p->before) * p->block_bytes;
}
/* The number of the block that begins there, or UINT32_MAX: none does. */
uint32_t pool_number(const struct pool *p, const void *block);

/* The word as its owner, or anybody else, sees it. */
static inline uint32_t pool_word(const struct pool *p)
{
    /* relaxed: a number; nothing is read on the strength of it */
    return atomic_load_explicit(&p->word, memory_order_relaxed);
}
static inline void pool_set_word(struct pool *p, uint32_t word)
{
    atomic_store_explicit(&p->word, word, memory_order_relaxed); /* see pool_word */
}
/* Of a pool that is not empty. */
static inline uint32_t pool_class(uint32_t word)
{
    return (word >> POOL_CLASS_SHIFT) - 1;
}
/* Blocks that are in use in the pool if its word is that. */
uint32_t pool_used(const struct pool *p, uint32_t word);

/*
 * A block of the class when the pool at the head of its list has none at hand: carves
 * more, or goes on to the next pool, or takes one from the arenas.  NULL: no memory.
 */
void *pool_alloc_slowly(struct owner *o, uint32_t class);

/* A block came back and the count in the word is now 0. */
void pool_free_slowly(struct owner *o, struct pool *p);

/* Give back a block of a pool of `o`. */
static inline __attribute__((always_inline)) void pool_free(struct owner *o, void *block)
{
    struct pool *p = pool_of(block);
    struct block *b = block;
    uint32_t word = pool_word(p) - 1;

    b->next = p->free;
    p->free = b;
    pool_set_word(p, word);
    if (__builtin_expect((word & POOL_COUNT) == 0, 0))
        pool_free_slowly(o, p);
}

/* Give the arenas the spare pools that have no block in use. */
void pool_release_spares(struct owner *o);

/* Take over the pools that `from` has in use: its arenas become `o`'s as well, see arena_take_over.
 */
void pool_take_over(struct owner *o, struct owner *from);

#endif
