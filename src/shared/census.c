/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/census.h"

#include "src/shared/arena.h"

/* Whether the pool at `base` is in use. */
static bool count_pool(struct census *census, uintptr_t base, uint32_t word)
{
    uint32_t class, used, capacity, bytes;

    if (word >> POOL_CLASS_SHIFT == 0 || pool_class(word) >= POOL_CLASSES)
        return false;
    class = pool_class(word);
    capacity = geometry_capacity(base, class);
    used = pool_used(pool_at(base), word);
    if (used > capacity)
        return false; /* not a word of a pool: see census_add */
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

void census_add(struct census *census, uintptr_t base, const uint32_t *words, uint32_t opened)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < opened; i++)
        used += count_pool(census, base + i * POOL_BYTES, words[i]);
    census->seen++;
    census->empty += used == 0;
    census->pools_free += ARENA_POOLS - used;
}

static void count_arena(struct census *census, const struct arena *a)
{
    /* acquire: a pool that is counted as opened has its first word */
    uint32_t opened = atomic_load_explicit(&a->opened, memory_order_acquire);
    uintptr_t base = (uintptr_t)atomic_load_explicit(&a->base, memory_order_acquire);
    uint32_t words[ARENA_POOLS];

    if (!base)
        return;
    for (uint32_t i = 0; i < opened; i++)
        words[i] = pool_word(pool_at(base + i * POOL_BYTES));
    census_add(census, base, words, opened);
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
}
