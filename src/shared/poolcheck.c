/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/poolcheck.h"

static bool wrong(struct poolcheck *found, const char *what, const void *where)
{
    if (!found->wrong) {
        found->wrong = what;
        found->where = where;
    }
    return false;
}

/* ---------------------------------------------------------------- pools -- */

/* Blocks in the pool's free list, UINT32_MAX when it leads out of the pool or around. */
static uint32_t free_blocks(const struct pool *p)
{
    uint32_t count = 0;

    for (const struct block *b = p->free; b; b = b->next)
        if (pool_base(b) != pool_base(p) || pool_number(p, b) >= p->carved || ++count > p->capacity)
            return UINT32_MAX;
    return count;
}

static bool check_pool(struct poolcheck *found, const struct owner *o, const struct arena *a,
                       const struct pool *p)
{
    uint32_t word = pool_word(p), class = pool_class(word), free;

    if (class >= POOL_CLASSES)
        return wrong(found, "a pool has no such class", p);
    if (p->arena != a)
        return wrong(found, "a pool names another arena", p);
    if (p->block_bytes != geometry_block_bytes(class) ||
        p->capacity != geometry_capacity(pool_base(p), class) ||
        p->before != geometry_before(pool_base(p), class) || p->carved > p->capacity)
        return wrong(found, "a pool's measures are not those of its class", p);
    free = free_blocks(p);
    if (free == UINT32_MAX)
        return wrong(found, "a free list leads to what is no free block", p);
    if (pool_used(p, word) + free + (uint32_t)(p->capacity - p->carved) != p->capacity)
        return wrong(found, "used and free blocks do not add up", p);
    if ((word & POOL_FULL) && ((word & POOL_COUNT) != 1 || (word & POOL_SPARE)))
        return wrong(found, "a full pool has a count of its own", p);
    if (((word & POOL_SPARE) != 0) != (o->spare[class] == p))
        return wrong(found, "a spare pool is not its owner's", p);
    found->blocks += pool_used(p, word);
    return true;
}

/* --------------------------------------------------------------- arenas -- */

/* Pools in the arena's list of free ones. */
static uint32_t listed_pools(struct poolcheck *found, const struct arena *a, uintptr_t base,
                             uint32_t opened)
{
    uint32_t count = 0;

    for (const struct pool *p = a->free; p; p = p->next)
        if (pool_base(p) - base >= (size_t)opened * POOL_BYTES || pool_word(p) != 0 ||
            ++count > opened) {
            wrong(found, "an arena's list of free pools leads to what is none", p);
            break;
        }
    return count;
}

/* `unfull` counts the pools of each class that must be in the owner's lists. */
static bool check_arena(struct poolcheck *found, const struct owner *o, const struct arena *a,
                        uint32_t unfull[POOL_CLASSES])
{
    uintptr_t base = (uintptr_t)atomic_load_explicit(&a->base, memory_order_relaxed);
    uint32_t opened = atomic_load_explicit(&a->opened, memory_order_relaxed), used = 0;

    if (!base || base % ARENA_BYTES || a->owner != o || opened > ARENA_POOLS)
        return wrong(found, "an arena's descriptor makes no sense", a);
    if (radix_find((void *)base) != o || radix_find((void *)(base + ARENA_BYTES - 1)) != o)
        return wrong(found, "the radix tree has another owner of an arena", a);
    for (uint32_t i = 0; i < opened; i++) {
        const struct pool *p = pool_at(base + i * POOL_BYTES);
        uint32_t word = pool_word(p);

        if (word == 0)
            continue;
        if (!check_pool(found, o, a, p))
            return false;
        unfull[pool_class(word)] += (word & POOL_FULL) == 0;
        used++;
    }
    if (listed_pools(found, a, base, opened) + used != opened || found->wrong)
        return wrong(found, "an arena's pools are neither in use nor free", a);
    if (a->free_count != ARENA_POOLS - used)
        return wrong(found, "an arena has another number of free pools than it says", a);
    return true;
}

static bool check_arenas(struct poolcheck *found, const struct owner *o,
                         uint32_t unfull[POOL_CLASSES])
{
    uint32_t empty = 0;

    for (uint32_t n = 0; n <= ARENA_POOLS; n++) {
        const struct arena *before = NULL;

        if (n && ((o->has_free >> (n - 1)) & 1) != (o->by_free[n] != NULL))
            return wrong(found, "a list of arenas and its bit differ", o->by_free[n]);
        for (const struct arena *a = o->by_free[n]; a; before = a, a = a->next) {
            if (a->prev != before || a->free_count != n)
                return wrong(found, "an arena is in the wrong list", a);
            if (!check_arena(found, o, a, unfull))
                return false;
            empty += n == ARENA_POOLS;
        }
    }
    return empty == o->empty || wrong(found, "empty arenas are miscounted", o);
}

/* ---------------------------------------------------------------- lists -- */

static bool check_list(struct poolcheck *found, const struct owner *o, uint32_t class,
                       uint32_t expected)
{
    const struct pool *before = NULL, *p = o->used[class];
    uint32_t count = 0;

    for (p = p == &pool_none ? NULL : p; p; before = p, p = p->next)
        if (p->prev != before || radix_find(p) != o || pool_class(pool_word(p)) != class ||
            (pool_word(p) & POOL_FULL) || ++count > expected)
            return wrong(found, "a class's list has a pool that does not belong there", p);
    if (o->last[class] != before)
        return wrong(found, "a class's list has another end", before);
    return count == expected || wrong(found, "a class's list lacks a pool", before);
}

bool poolcheck_owner(struct owner *o, struct poolcheck *found)
{
    uint32_t unfull[POOL_CLASSES] = {0};

    *found = (struct poolcheck){0};
    if (pool_none.free || pool_none.word)
        return wrong(found, "the pool that stands for none was written to", &pool_none);
    if (!check_arenas(found, o, unfull))
        return false;
    for (uint32_t class = 0; class < POOL_CLASSES; class ++)
        if (!check_list(found, o, class, unfull[class]))
            return false;
    return true;
}

bool poolcheck_all(struct poolcheck *found)
{
    uint64_t blocks = 0;

    *found = (struct poolcheck){0};
    for (struct owner *o = owner_walk(NULL); o; o = owner_walk(o)) {
        if (!poolcheck_owner(o, found))
            return false;
        blocks += found->blocks;
    }
    found->blocks = blocks;
    return true;
}
