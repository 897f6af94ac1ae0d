/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/pools/heaplook.h"

#include "src/host/memory/growing.h"
#include "src/host/memory/intern.h"
#include "src/host/pools/poolstate.h"
#include "src/shared/pool.h"

#include <stdlib.h>
#include <string.h>

#define GUARD_BYTES 64u /* see guarded.h: a head of 48, a tail of 16 */
#define PINNED_BELOW 8u /* a pool of which less than one in so many blocks is in use */

struct look {
    struct profile *part;
    const struct livetable *live;
    struct intern sizes; /* site, size: row of part->sizes */
    struct intern pools; /* address: row of part->pools */
    struct intern mixed; /* addresses of what would be an arena, but for a large block in it */
    struct intern pins;  /* pool, site: row of part->pins */
    const struct poolstate_rows *rows; /* what the pools said themselves */
    uint32_t guards;
    bool pooled, failed;
};

typedef void block_taker(struct look *l, const struct livetable_block *block);

uint32_t heap_guard_bytes(uint32_t allocator)
{
    return allocator == ALLOCATOR_POOL_DEBUG ? GUARD_BYTES : 0;
}

static void take_entry(struct look *l, const struct livetable_entry *entry, block_taker *take)
{
    struct livetable_block block = {
        .address = entry->address_birth >> 16, .size = entry->size, .site = entry->site};

    if (!block.address || !block.site)
        return;
    if (entry->size == UINT32_MAX)
        livetable_find(l->live, block.address, &block);
    take(l, &block);
}

static void each_block(struct look *l, block_taker *take)
{
    for (uint32_t i = 0; i < LIVETABLE_SHARDS; i++) {
        const struct livetable_shard *shard = &l->live->shards[i];

        for (uint64_t k = 0; shard->entries && k < shard->room && !l->failed; k++)
            take_entry(l, &shard->entries[k], take);
    }
}

/* The row of a key in an array that grows with its table, which has room for it. */
static uint32_t row(struct look *l, struct intern *table, struct intern_key key, void *array,
                    size_t size, bool *added)
{
    uint32_t number;

    *added = false;
    if (!growing_reserve(array, table->count, size)) {
        l->failed = true;
        return INTERN_NONE;
    }
    number = intern_add(table, key, added);
    l->failed |= number == INTERN_NONE;
    return number;
}

/* ---------------------------------------------------------------- sizes -- */

static void count_size(struct look *l, const struct livetable_block *block)
{
    struct profile *p = l->part;
    struct intern_key key = {block->site, block->size, 0};
    uint32_t i;
    bool added;

    if (l->sizes.count >= HEAPLOOK_SIZES_MAX && intern_find(&l->sizes, key) == INTERN_NONE) {
        p->heap.left_bytes += block->size;
        p->heap.left_blocks++;
        return;
    }
    i = row(l, &l->sizes, key, &p->sizes, sizeof(*p->sizes), &added);
    if (l->failed)
        return;
    if (added)
        p->sizes[i] = (struct profile_size){.size = block->size, .site = block->site - 1};
    p->sizes[i].blocks++;
    p->size_count = l->sizes.count;
}

static int by_site(const void *x, const void *y)
{
    const struct profile_size *a = x, *b = y;

    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    return a->size < b->size ? -1 : a->size > b->size;
}

/* ---------------------------------------------------------------- pools -- */

static bool in_pool(const struct look *l, const struct livetable_block *block)
{
    return block->size <= BLOCK_LARGEST - l->guards;
}

static uint64_t pool_address(const struct livetable_block *block)
{
    return block->address & ~(uint64_t)(POOL_BYTES - 1);
}

static struct intern_key arena_key(uint64_t address)
{
    return (struct intern_key){address & ~(uint64_t)(ARENA_BYTES - 1), 0, 0};
}

/* A block that realloc made smaller in place has more than it was asked for. */
static uint32_t own_class(const struct look *l, uint64_t address)
{
    const struct profile_snapshot_pool *row = poolstate_rows_find(l->rows, address);

    return row ? row->size_class : 0;
}

static void count_pool(struct look *l, const struct livetable_block *block)
{
    struct profile *p = l->part;
    uint64_t address = pool_address(block);
    uint32_t i, class;
    bool added;

    if (!in_pool(l, block)) {
        l->failed |= intern_add(&l->mixed, arena_key(block->address), NULL) == INTERN_NONE;
        return;
    }
    i = row(l, &l->pools, (struct intern_key){address, 0, 0}, &p->pools, sizeof(*p->pools), &added);
    if (l->failed)
        return;
    class = geometry_class(block->size + l->guards ? block->size + l->guards : 1);
    if (added)
        p->pools[i] =
            (struct profile_pool){.address = address, .size_class = own_class(l, address)};
    if (class > p->pools[i].size_class)
        p->pools[i].size_class = class;
    p->pools[i].used++;
    p->pool_count = l->pools.count;
}

static int by_address(const void *x, const void *y)
{
    const struct profile_pool *a = x, *b = y;

    return a->address < b->address ? -1 : a->address > b->address;
}

/* What lies among large blocks, or has more blocks than fit, is no pool. */
static void keep_pools(struct look *l)
{
    struct profile *p = l->part;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->pool_count; i++) {
        const struct profile_pool *pool = &p->pools[i];

        if (intern_find(&l->mixed, arena_key(pool->address)) == INTERN_NONE &&
            pool->used <= geometry_capacity((uintptr_t)pool->address, pool->size_class))
            p->pools[kept++] = *pool;
    }
    p->pool_count = kept;
    if (kept)
        qsort(p->pools, kept, sizeof(*p->pools), by_address);
}

/* ----------------------------------------------------------------- pins -- */

static const struct profile_pool *find_pool(const struct profile *p, uint64_t address)
{
    const struct profile_pool key = {.address = address};

    return p->pool_count ? bsearch(&key, p->pools, p->pool_count, sizeof(*p->pools), by_address)
                         : NULL;
}

static bool is_pinned(const struct profile_pool *pool)
{
    return pool->used * PINNED_BELOW <
           geometry_capacity((uintptr_t)pool->address, pool->size_class);
}

/* Without any, the blocks need not be gone through again. */
static bool any_pinned(const struct profile *p)
{
    for (uint32_t i = 0; i < p->pool_count; i++)
        if (is_pinned(&p->pools[i]))
            return true;
    return false;
}

static void count_pin(struct look *l, const struct livetable_block *block)
{
    struct profile *p = l->part;
    const struct profile_pool *pool = in_pool(l, block) ? find_pool(p, pool_address(block)) : NULL;
    struct intern_key key;
    uint32_t i;
    bool added;

    if (!pool || !is_pinned(pool))
        return;
    key = (struct intern_key){(uint64_t)(pool - p->pools), block->site, 0};
    if (l->pins.count >= HEAPLOOK_PINS_MAX && intern_find(&l->pins, key) == INTERN_NONE) {
        p->heap.pins_left++;
        return;
    }
    i = row(l, &l->pins, key, &p->pins, sizeof(*p->pins), &added);
    if (l->failed)
        return;
    if (added)
        p->pins[i] = (struct profile_pin){.pool = (uint32_t)key.a, .site = block->site - 1};
    p->pins[i].blocks++;
    p->pin_count = l->pins.count;
}

static int by_pool(const void *x, const void *y)
{
    const struct profile_pin *a = x, *b = y;

    if (a->pool != b->pool)
        return a->pool < b->pool ? -1 : 1;
    return a->site < b->site ? -1 : a->site > b->site;
}

/* --------------------------------------------------------------- census -- */

/* false: there is none, for the program ended before it could count. */
static bool get_census(const struct segment *s, pid_t pid, struct census *census,
                       struct poolstate_rows *rows)
{
    const struct segment_header *h = segment_header(s);
    /* relaxed: the state was there before the program started */
    uint64_t state = atomic_load_explicit(&h->pool_state, memory_order_relaxed);

    if (pid && state && poolstate_read(pid, state, census, rows, NULL) == 0)
        return true;
    /* acquire: pairs with the release behind the census */
    if (!atomic_load_explicit(&h->pool_census_taken, memory_order_acquire))
        return false;
    *census = h->pool_census;
    return true;
}

static void add_census(struct look *l, const struct census *census)
{
    struct profile *p = l->part;
    struct profile_heap *heap = &p->heap;

    p->classes = calloc(POOL_CLASSES, sizeof(*p->classes));
    if (!p->classes) {
        l->failed = true;
        return;
    }
    p->class_count = POOL_CLASSES;
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        const struct class_census *c = &census->classes[i];

        p->classes[i] = (struct profile_class){c->pools, c->full, c->used, c->free};
    }
    heap->census = 1;
    heap->arenas = census->seen;
    heap->arenas_empty = census->empty;
    heap->high_water = census->arenas.high_water;
    heap->taken = census->arenas.taken;
    heap->returned = census->arenas.returned;
    heap->kept_bytes = census->arenas.kept_bytes;
    heap->pools_free = census->pools_free;
    heap->header_bytes = census->header_bytes;
    heap->tail_bytes = census->tail_bytes;
}

/* --------------------------------------------------------------- all of it -- */

static void look_at_sizes(struct look *l)
{
    struct profile *p = l->part;

    each_block(l, count_size);
    if (!l->failed && p->size_count)
        qsort(p->sizes, p->size_count, sizeof(*p->sizes), by_site);
}

static void look_at_pools(struct look *l)
{
    struct profile *p = l->part;

    each_block(l, count_pool);
    if (l->failed)
        return;
    keep_pools(l);
    if (any_pinned(p))
        each_block(l, count_pin);
    if (!l->failed && p->pin_count)
        qsort(p->pins, p->pin_count, sizeof(*p->pins), by_pool);
}

int heap_look(struct profile *part, const struct model *model, const struct segment *segment,
              pid_t pid, const struct poolstate_rows *last, struct error *e)
{
    struct poolstate_rows now = {.most = HEAPLOOK_SNAPSHOT_POOLS_MAX};
    struct look l = {
        .part = part, .live = model_domain_live(model, DOMAIN_HEAP), .rows = pid ? &now : last};
    struct census census;
    bool counted;

    part->heap = (struct profile_heap){.allocator = segment_header(segment)->settings.allocator};
    l.pooled =
        part->heap.allocator == ALLOCATOR_POOL || part->heap.allocator == ALLOCATOR_POOL_DEBUG;
    l.guards = heap_guard_bytes(part->heap.allocator);
    intern_init(&l.sizes);
    intern_init(&l.pools);
    intern_init(&l.mixed);
    intern_init(&l.pins);
    counted = l.pooled && get_census(segment, pid, &census, &now);
    if (now.too_many)
        poolstate_rows_release(&now);
    poolstate_rows_sort(&now);
    look_at_sizes(&l);
    if (l.pooled && !l.failed)
        look_at_pools(&l);
    if (counted && !l.failed)
        add_census(&l, &census);
    poolstate_rows_release(&now);
    intern_release(&l.sizes);
    intern_release(&l.pools);
    intern_release(&l.mixed);
    intern_release(&l.pins);
    return l.failed ? error_set(e, ERROR_MEMORY, "out of memory while building the profile") : 0;
}

static void keep_rows(struct profile *part, struct poolstate_rows *rows, uint32_t snapshot)
{
    if (rows->too_many || !rows->count) {
        poolstate_rows_release(rows);
        return;
    }
    poolstate_rows_sort(rows);
    for (uint32_t i = 0; i < rows->count; i++)
        rows->pools[i].snapshot = snapshot;
    part->snapshot_pools = rows->pools;
    part->snapshot_pool_count = rows->count;
}

void heap_pools_now(struct poolstate_rows *rows, const struct segment *segment, pid_t pid)
{
    struct census unused;

    poolstate_rows_release(rows);
    rows->most = HEAPLOOK_SNAPSHOT_POOLS_MAX;
    if (!get_census(segment, pid, &unused, rows) || rows->too_many)
        poolstate_rows_release(rows);
    poolstate_rows_sort(rows);
}

void heap_fill(struct profile *part, const struct segment *segment, pid_t pid, uint32_t most)
{
    struct profile_moment *moment = &part->moments[0];
    struct poolstate_rows rows = {.most = most};
    struct census census;

    if (!get_census(segment, pid, &census, moment->number ? &rows : NULL)) {
        poolstate_rows_release(&rows);
        return;
    }
    keep_rows(part, &rows, moment->number);
    moment->pool_arenas = census.seen;
    moment->pool_used_bytes = census.used_bytes;
    moment->pool_free_bytes = census.free_bytes;
    moment->pools_free = census.pools_free;
}
