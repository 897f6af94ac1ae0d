/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/census.h"

#include "src/shared/owner.h"

/* Whether the pool is in use. */
static bool count_pool(struct census *census, const struct pool *p)
{
    uint32_t word = pool_word(p), class, used, capacity, bytes;

    if (word >> POOL_CLASS_SHIFT == 0 || pool_class(word) >= POOL_CLASSES)
        return false;
    class = pool_class(word);
    used = pool_used(p, word);
    capacity = geometry_capacity(pool_base(p), class);
    bytes = geometry_block_bytes(class);
    census->classes[class].pools++;
    census->classes[class].full += used == capacity;
    census->classes[class].used += used;
    census->classes[class].free += capacity - used;
    census->used_bytes += (uint64_t)used * bytes;
    census->free_bytes += (uint64_t)(capacity - used) * bytes;
    census->header_bytes += POOL_HEADER_BYTES;
    census->tail_bytes += POOL_BYTES - POOL_HEADER_BYTES - (uint64_t)capacity * bytes;
    return true;
}

static void count_arena(struct census *census, const struct arena *a)
{
    /* acquire: a pool that is counted as opened has its first word */
    uint32_t opened = atomic_load_explicit(&a->opened, memory_order_acquire), used = 0;
    uintptr_t base = (uintptr_t)atomic_load_explicit(&a->base, memory_order_acquire);

    if (!base)
        return;
    for (uint32_t i = 0; i < opened; i++)
        used += count_pool(census, pool_at(base + i * POOL_BYTES));
    census->seen++;
    census->empty += used == 0;
    census->pools_free += ARENA_POOLS - used;
}

void census_take(struct census *census)
{
    struct arena_page *page = NULL;
    struct arena *a;
    uint32_t index = 0;

    *census = (struct census){0};
    arena_walk_begin();
    while ((a = arena_walk(&page, &index)) != NULL)
        count_arena(census, a);
    arena_walk_end();
    arena_totals(&census->arenas);
    census->kept_bytes = owner_bytes() + radix_bytes() + census->arenas.page_bytes;
}
