/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/arena.h"

#include "src/shared/owner.h"
#include "src/shared/sysmem.h"

#define PAGE_BYTES 4096u

struct arena_state arena_state;

static _Atomic uint32_t walkers;

/* ------------------------------------------------ lists by free pools -- */

static void enlist(struct owner *o, struct arena *a)
{
    uint32_t n = a->free_count;

    a->prev = NULL;
    a->next = o->by_free[n];
    if (a->next)
        a->next->prev = a;
    o->by_free[n] = a;
    if (n)
        o->has_free |= UINT64_C(1) << (n - 1);
    o->empty += n == ARENA_POOLS;
}

static void delist(struct owner *o, struct arena *a)
{
    uint32_t n = a->free_count;

    if (a->next)
        a->next->prev = a->prev;
    if (a->prev)
        a->prev->next = a->next;
    else
        o->by_free[n] = a->next;
    if (n && !o->by_free[n])
        o->has_free &= ~(UINT64_C(1) << (n - 1));
    o->empty -= n == ARENA_POOLS;
}

/* --------------------------------------------------------- descriptors -- */

void arena_add_page(struct owner *o, struct arena_page *page, size_t bytes)
{
    struct arena_page *head = atomic_load_explicit(&arena_state.pages, memory_order_relaxed);

    page->count = (uint32_t)((bytes - sizeof(*page)) / sizeof(page->arenas[0]));
    for (uint32_t i = page->count; i-- > 0;) {
        page->arenas[i].next = o->unused;
        o->unused = &page->arenas[i];
    }
    do {
        atomic_store_explicit(&page->next, head, memory_order_relaxed);
        /* release: who finds the page sees its count and the rest of the list */
    } while (!atomic_compare_exchange_weak_explicit(&arena_state.pages, &head, page,
                                                    memory_order_release, memory_order_relaxed));
}

static struct arena *descriptor_take(struct owner *o)
{
    struct arena *a = o->unused;

    if (!a) {
        void *page = sysmem_map(PAGE_BYTES);

        if (!page)
            return NULL;
        arena_note_kept(PAGE_BYTES);
        arena_add_page(o, page, PAGE_BYTES);
        a = o->unused;
    }
    o->unused = a->next;
    return a;
}

static void descriptor_give(struct owner *o, struct arena *a)
{
    a->next = o->unused;
    o->unused = a;
}

/* ---------------------------------------------- mapping and unmapping -- */

static void note_mapped(void)
{
    /* relaxed: statistics */
    uint64_t now = atomic_fetch_add_explicit(&arena_state.mapped, 1, memory_order_relaxed) + 1;
    uint64_t most = atomic_load_explicit(&arena_state.high_water, memory_order_relaxed);

    atomic_fetch_add_explicit(&arena_state.taken, 1, memory_order_relaxed);
    while (now > most &&
           !atomic_compare_exchange_weak_explicit(&arena_state.high_water, &most, now,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

bool arena_map(struct owner *o)
{
    struct arena *a = descriptor_take(o);
    char *base;

    if (!a)
        return false;
    base = sysmem_map_aligned(ARENA_BYTES, ARENA_BYTES);
    if (!base || !radix_set(base, o)) {
        if (base)
            sysmem_unmap(base, ARENA_BYTES);
        descriptor_give(o, a);
        return false;
    }
    a->free_count = ARENA_POOLS;
    a->free = NULL;
    a->owner = o;
    atomic_store_explicit(&a->opened, 0, memory_order_relaxed);
    /* release: who walks sees no pool opened yet */
    atomic_store_explicit(&a->base, base, memory_order_release);
    note_mapped();
    enlist(o, a);
    return true;
}

/* Whether it was unmapped: not while somebody walks. */
static bool arena_unmap(struct owner *o, struct arena *a)
{
    /* relaxed: our own store */
    char *base = atomic_load_explicit(&a->base, memory_order_relaxed);

    /*
     * seq_cst, with arena_walk_begin and arena_walk: either the walker finds no base
     * here, or we find the walker.
     */
    atomic_store_explicit(&a->base, NULL, memory_order_seq_cst);
    if (atomic_load_explicit(&walkers, memory_order_seq_cst)) {
        atomic_store_explicit(&a->base, base, memory_order_release);
        return false;
    }
    delist(o, a);
    radix_set(base, NULL);
    sysmem_unmap(base, ARENA_BYTES);
    descriptor_give(o, a);
    /* relaxed: statistics */
    atomic_fetch_sub_explicit(&arena_state.mapped, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&arena_state.returned, 1, memory_order_relaxed);
    return true;
}

void arena_trim(struct owner *o, uint32_t kept)
{
    while (o->empty > kept && arena_unmap(o, o->by_free[ARENA_POOLS]))
        ;
}

/* --------------------------------------------------------------- pools -- */

struct pool *arena_take_pool(struct owner *o)
{
    struct arena *a;
    struct pool *p;

    if (!o->has_free)
        return NULL;
    a = o->by_free[__builtin_ctzll(o->has_free) + 1];
    p = a->free;
    delist(o, a);
    if (p) {
        a->free = p->next;
    } else {
        uint32_t opened = atomic_load_explicit(&a->opened, memory_order_relaxed);

        p = pool_at((uintptr_t)atomic_load_explicit(&a->base, memory_order_relaxed) +
                    (size_t)opened * POOL_BYTES);
        p->arena = a;
        /* release: who walks finds the word of a fresh pool 0 */
        atomic_store_explicit(&a->opened, opened + 1, memory_order_release);
    }
    a->free_count--;
    enlist(o, a);
    return p;
}

void arena_give_pool(struct owner *o, struct pool *p)
{
    struct arena *a = p->arena;

    delist(o, a);
    p->next = a->free;
    a->free = p;
    a->free_count++;
    enlist(o, a);
    if (a->free_count == ARENA_POOLS)
        arena_trim(o, ARENAS_KEPT);
}

bool arena_take_over(struct owner *o, struct owner *from)
{
    bool some = false;

    for (uint32_t n = 0; n <= ARENA_POOLS; n++) {
        struct arena *a;

        while ((a = from->by_free[n]) != NULL) {
            some = true;
            delist(from, a);
            a->owner = o;
            /* the leaf is there, so that this does not fail */
            radix_set(atomic_load_explicit(&a->base, memory_order_relaxed), o);
            enlist(o, a);
        }
    }
    return some;
}

/* ------------------------------------------------------------- looking -- */

void arena_totals(struct arena_totals *totals)
{
    /* relaxed: statistics */
    totals->mapped = atomic_load_explicit(&arena_state.mapped, memory_order_relaxed);
    totals->high_water = atomic_load_explicit(&arena_state.high_water, memory_order_relaxed);
    totals->taken = atomic_load_explicit(&arena_state.taken, memory_order_relaxed);
    totals->returned = atomic_load_explicit(&arena_state.returned, memory_order_relaxed);
    totals->kept_bytes = atomic_load_explicit(&arena_state.kept_bytes, memory_order_relaxed);
}

void arena_walk_begin(void)
{
    /* seq_cst: see arena_unmap */
    atomic_fetch_add_explicit(&walkers, 1, memory_order_seq_cst);
}

void arena_walk_end(void)
{
    /* release: our reads of the arenas come before */
    atomic_fetch_sub_explicit(&walkers, 1, memory_order_release);
}

struct arena *arena_walk(struct arena_page **page, uint32_t *index)
{
    if (!*page) {
        /* acquire: pairs with arena_add_page */
        *page = atomic_load_explicit(&arena_state.pages, memory_order_acquire);
        *index = 0;
    }
    while (*page) {
        while (*index < (*page)->count) {
            struct arena *a = &(*page)->arenas[(*index)++];

            /* seq_cst: see arena_unmap */
            if (atomic_load_explicit(&a->base, memory_order_seq_cst))
                return a;
        }
        *page = atomic_load_explicit(&(*page)->next, memory_order_acquire);
        *index = 0;
    }
    return NULL;
}
