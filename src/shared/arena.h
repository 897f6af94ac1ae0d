/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: what pools are taken from, mapped from the operating system one at a time.
 * An owner keeps its arenas in lists by how many free pools they have.  The
 * fullest serves first, so that the emptiest have a chance to become empty; of those
 * that are, a few are kept and the others unmapped.
 *
 * The descriptors lie in mappings of their own, which are kept: whoever looks at
 * them from another thread may find them out of date but never gone.
 */
#ifndef MEMPROF_SHARED_ARENA_H
#define MEMPROF_SHARED_ARENA_H

#include "src/shared/census.h"
#include "src/shared/pool.h"

/* Empty arenas that an owner keeps: what a program frees and takes again need not be faulted in
 * again. */
#define ARENAS_KEPT 8u

struct arena {
    _Atomic(char *) base;    /* NULL while the descriptor stands for no arena */
    _Atomic uint32_t opened; /* pools that have been in use so far, from the first on */
    uint32_t free_count;     /* pools that are free, those never opened included */
    struct pool *free;       /* those among them that have been in use */
    struct owner *owner;
    struct arena *next,
        *prev; /* among those with as many free pools; `next`: of unused descriptors */
};

/* The first of each owner's descriptors follow it; more come by the page. */
struct arena_page {
    _Atomic(struct arena_page *) next; /* of all pages ever, for who looks at all arenas */
    uint32_t count;
    struct arena arenas[];
};

/* A free pool of the fullest arena that has one, its word 0.  NULL: none has. */
struct pool *arena_take_pool(struct owner *o);

/* One more arena from the operating system.  false: no memory. */
bool arena_map(struct owner *o);

/* An empty pool goes back.  It may be unmapped on return. */
void arena_give_pool(struct owner *o, struct pool *p);

/* Unmap empty arenas until no more than `kept` are left. */
void arena_trim(struct owner *o, uint32_t kept);

/* All arenas of `from`, whose thread has ended, become those of `o`.  Whether there were any. */
bool arena_take_over(struct owner *o, struct owner *from);

/* Add descriptors that lie in memory of the owner. */
void arena_add_page(struct owner *o, struct arena_page *page, size_t bytes);

/*
 * What all arenas have in common, in one place: its address is all that another process
 * needs to look at the pools of this one (src/host/pools/poolstate.h).
 */
struct arena_state {
    _Atomic(struct arena_page *) pages;                   /* all there ever were */
    _Atomic uint64_t mapped, high_water, taken, returned; /* see struct arena_totals */
    _Atomic uint64_t kept_bytes; /* for descriptors, owners and the radix tree: never given back */
};
extern struct arena_state arena_state;

void arena_totals(struct arena_totals *totals);

/* So many bytes were mapped for bookkeeping. */
static inline void arena_note_kept(uint64_t bytes)
{
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&arena_state.kept_bytes, bytes, memory_order_relaxed);
}

/*
 * Between these no arena is unmapped, so that another thread's pools may be looked
 * at.  What would be unmapped is kept as an empty arena until a later occasion.
 */
void arena_walk_begin(void);
void arena_walk_end(void);

/*
 * The next arena of all threads, in no particular order: `*page` and `*index` start
 * as NULL and 0.  Between arena_walk_begin and arena_walk_end.
 */
struct arena *arena_walk(struct arena_page **page, uint32_t *index);

#endif
