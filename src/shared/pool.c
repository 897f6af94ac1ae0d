/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/pool.h"

#include "src/shared/owner.h"

/* Blocks are carved up to the end of a page of this size: what is linked is soon written to. */
#define CARVE_BYTES 4096u

/* After so many pools have come back, spare pools that are empty go back too. */
#define RELEASES_BETWEEN_SWEEPS 64u

struct pool pool_none;

uint32_t pool_number(const struct pool *p, const void *block)
{
    size_t offset = (uintptr_t)block - pool_base(p), header = (uintptr_t)p - pool_base(p);
    size_t start = offset < header ? 0 : header + POOL_HEADER_BYTES;
    size_t number = (offset - start) / p->block_bytes;

    if (offset - start >= POOL_BYTES || (offset - start) % p->block_bytes ||
        (start == 0 && number >= p->before))
        return UINT32_MAX;
    number += start ? p->before : 0;
    return number < p->capacity ? (uint32_t)number : UINT32_MAX;
}

uint32_t pool_used(const struct pool *p, uint32_t word)
{
    if (word >> POOL_CLASS_SHIFT == 0)
        return 0;
    if (word & POOL_FULL)
        return geometry_capacity(pool_base(p), pool_class(word));
    return (word & POOL_COUNT) - ((word & POOL_SPARE) != 0);
}

/* ---------------------------------------------------- lists of a class -- */

/*
 * A pool that was full goes to the end: until its turn comes more of its blocks may
 * have come back.  At the front each free would cost another turn of the list.
 */
static void append(struct owner *o, struct pool *p, uint32_t class)
{
    struct pool *last = o->last[class];

    p->next = NULL;
    p->prev = last;
    if (last)
        last->next = p;
    else
        o->used[class] = p;
    o->last[class] = p;
}

static void take_out(struct owner *o, struct pool *p, uint32_t class)
{
    if (p->prev)
        p->prev->next = p->next;
    else
        o->used[class] = p->next ? p->next : &pool_none;
    if (p->next)
        p->next->prev = p->prev;
    else
        o->last[class] = p->prev;
}

static void mark_full(struct owner *o, struct pool *p, uint32_t class)
{
    if (o->spare[class] == p)
        o->spare[class] = NULL;
    take_out(o, p, class);
    pool_set_word(p, (class + 1) << POOL_CLASS_SHIFT | POOL_FULL | 1);
}

static void release(struct owner *o, struct pool *p, uint32_t class)
{
    take_out(o, p, class);
    pool_set_word(p, 0);
    arena_give_pool(o, p);
}

/* -------------------------------------------------------------- blocks -- */

/* Link the blocks that begin before the next page boundary, one at least. */
static bool carve(struct pool *p)
{
    uint32_t number = p->carved;
    struct block *first, *last;
    uintptr_t limit;

    if (number == p->capacity)
        return false;
    first = last = (struct block *)(void *)pool_block(p, number);
    limit = ((uintptr_t)first + CARVE_BYTES) & ~(uintptr_t)(CARVE_BYTES - 1);
    while (++number < p->capacity) {
        struct block *b = (struct block *)(void *)pool_block(p, number);

        if ((uintptr_t)b >= limit)
            break;
        last->next = b;
        last = b;
    }
    last->next = NULL;
    p->free = first;
    p->carved = (uint16_t)number;
    return true;
}

/* A free pool becomes one of the class, and the only one in its list. */
static struct pool *open_pool(struct owner *o, uint32_t class)
{
    struct pool *p = arena_take_pool(o);

    if (!p)
        return NULL;
    p->block_bytes = (uint16_t)geometry_block_bytes(class);
    p->before = (uint16_t)geometry_before(pool_base(p), class);
    p->capacity = (uint16_t)geometry_capacity(pool_base(p), class);
    p->carved = 0;
    p->free = NULL;
    pool_set_word(p, (class + 1) << POOL_CLASS_SHIFT);
    append(o, p, class);
    carve(p);
    return p;
}

/* The first pool of the list that has a block at hand; full ones before it leave the list. */
static struct pool *find_pool(struct owner *o, uint32_t class)
{
    struct pool *p;

    while ((p = o->used[class]) != &pool_none) {
        if (p->free || carve(p))
            return p;
        mark_full(o, p, class);
    }
    return NULL;
}

/* See that an arena has a free pool.  false: no memory, or there are free blocks to look at first.
 */
static bool make_room(struct owner *o, bool *inherited)
{
    if (!o->has_free)
        pool_release_spares(o);
    if (o->has_free)
        return true;
    owner_refresh(o);
    *inherited = owner_inherit(o);
    return *inherited ? o->has_free != 0 : arena_map(o);
}

void *pool_alloc_slowly(struct owner *o, uint32_t class)
{
    bool inherited;
    struct pool *p;
    struct block *b;

    do {
        inherited = false;
        p = find_pool(o, class);
        if (!p && owner_collect(o))
            p = find_pool(o, class);
        if (!p && make_room(o, &inherited))
            p = open_pool(o, class);
    } while (!p && inherited);
    if (!p)
        return NULL;
    b = p->free;
    p->free = b->next;
    pool_set_word(p, pool_word(p) + 1);
    return b;
}

void pool_free_slowly(struct owner *o, struct pool *p)
{
    uint32_t word = pool_word(p), class = pool_class(word);

    if (word & POOL_FULL) {
        pool_set_word(p, (class + 1) << POOL_CLASS_SHIFT | ((uint32_t)p->capacity - 1));
        append(o, p, class);
    } else if (!o->spare[class]) {
        /* one more than are in use: from now on its count does not come to 0 */
        o->spare[class] = p;
        pool_set_word(p, word | POOL_SPARE | 1);
    } else {
        release(o, p, class);
        if (++o->releases % RELEASES_BETWEEN_SWEEPS == 0)
            pool_release_spares(o);
    }
}

void pool_release_spares(struct owner *o)
{
    for (uint32_t class = 0; class < POOL_CLASSES; class ++) {
        struct pool *p = o->spare[class];

        if (p && (pool_word(p) & POOL_COUNT) == 1) {
            o->spare[class] = NULL;
            release(o, p, class);
        }
    }
}

/* A spare pool of `from` is one of `o` or, if that has one already, loses its privilege. */
static void take_over_spare(struct owner *o, struct owner *from, uint32_t class)
{
    struct pool *p = from->spare[class];
    uint32_t word;

    from->spare[class] = NULL;
    if (!p)
        return;
    if (!o->spare[class]) {
        o->spare[class] = p;
        return;
    }
    word = (pool_word(p) & ~POOL_SPARE) - 1;
    pool_set_word(p, word);
    if ((word & POOL_COUNT) == 0)
        release(o, p, class);
}

void pool_take_over(struct owner *o, struct owner *from)
{
    for (uint32_t class = 0; class < POOL_CLASSES; class ++) {
        struct pool *first = from->used[class];

        from->used[class] = &pool_none;
        if (first != &pool_none) {
            first->prev = o->last[class];
            if (o->last[class])
                o->last[class]->next = first;
            else
                o->used[class] = first;
            o->last[class] = from->last[class];
        }
        from->last[class] = NULL;
        take_over_spare(o, from, class);
    }
}
