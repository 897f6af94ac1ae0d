/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/pools/pools-parts.h"

#include <stdlib.h>

/* ---------------------------------------------------------------- map -- */

static uint8_t fill_of(const struct profile_pool *pool)
{
    uint32_t capacity = geometry_capacity((uintptr_t)pool->address, pool->size_class);
    uint32_t fill = pool->used < capacity ? pool->used * 255 / capacity : 255;

    return (uint8_t)(fill ? fill : 1);
}

bool pools_make_map(const struct pools_making *m)
{
    const struct profile *p = m->profile;
    struct pools *s = m->pools;

    s->map = calloc((size_t)p->pool_count + 1, sizeof(*s->map));
    if (!s->map)
        return false;
    for (uint32_t i = 0; i < p->pool_count; i++) {
        uint64_t address = p->pools[i].address & ~(uint64_t)(ARENA_BYTES - 1);
        struct pools_arena *arena = s->map_count ? &s->map[s->map_count - 1] : NULL;

        if (!arena || arena->address != address) {
            arena = &s->map[s->map_count++];
            arena->address = address;
        }
        arena->fill[(p->pools[i].address - address) / POOL_BYTES] = fill_of(&p->pools[i]);
        arena->pools++;
    }
    return true;
}

/* -------------------------------------------------------------- pinned -- */

/* One place's blocks in one pool. */
struct entry {
    uint32_t size_class, place, pool;
    uint64_t blocks;
};

static int by_class(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    if (a->size_class != b->size_class)
        return a->size_class < b->size_class ? -1 : 1;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return a->pool < b->pool ? -1 : a->pool > b->pool;
}

static struct entry *make_entries(const struct pools_making *m)
{
    const struct profile *p = m->profile;
    struct entry *entries = calloc((size_t)p->pin_count + 1, sizeof(*entries));

    for (uint32_t i = 0; entries && i < p->pin_count; i++) {
        const struct profile_pin *pin = &p->pins[i];

        entries[i] = (struct entry){p->pools[pin->pool].size_class, m->place_of[pin->site],
                                    pin->pool, pin->blocks};
    }
    if (entries)
        qsort(entries, p->pin_count, sizeof(*entries), by_class);
    return entries;
}

/* Keep the line if it has blocks in more pools than others, or more of them. */
static void offer_line(struct pools_pinned *c, uint32_t place, uint64_t pools, uint64_t blocks)
{
    uint32_t at = c->line_count;

    while (at && (c->lines[at - 1].pools < pools ||
                  (c->lines[at - 1].pools == pools && c->lines[at - 1].blocks < blocks)))
        at--;
    if (c->line_count == POOLS_SIZES)
        c->more_lines++;
    else
        c->line_count++;
    for (uint32_t i = c->line_count; i-- > at + 1;)
        c->lines[i] = c->lines[i - 1];
    if (at < POOLS_SIZES) {
        c->lines[at].place = place;
        c->lines[at].pools = pools;
        c->lines[at].blocks = blocks;
    }
}

/* The pools themselves, each once; pins are in their order. */
static void count_pools(struct pools_pinned *by_size, const struct profile *p)
{
    for (uint32_t i = 0; i < p->pin_count; i++) {
        const struct profile_pool *pool = &p->pools[p->pins[i].pool];
        struct pools_pinned *c = &by_size[pool->size_class];

        if (i && p->pins[i - 1].pool == p->pins[i].pool)
            continue;
        c->size_class = pool->size_class;
        c->pools++;
        c->blocks += pool->used;
        c->bytes += POOL_BYTES - (uint64_t)pool->used * geometry_block_bytes(pool->size_class);
    }
}

static void count_lines(struct pools_pinned *by_size, const struct entry *entries, uint32_t count)
{
    for (uint32_t i = 0, next; i < count; i = next) {
        const struct entry *e = &entries[i];
        uint64_t pools = 0, blocks = 0;

        for (next = i; next < count && entries[next].size_class == e->size_class &&
                       entries[next].place == e->place;
             next++) {
            pools += next == i || entries[next].pool != entries[next - 1].pool;
            blocks += entries[next].blocks;
        }
        offer_line(&by_size[e->size_class], e->place, pools, blocks);
    }
}

static int by_bytes(const void *x, const void *y)
{
    const struct pools_pinned *a = x, *b = y;

    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return a->size_class < b->size_class ? -1 : a->size_class > b->size_class;
}

bool pools_make_pinned(const struct pools_making *m)
{
    struct pools *s = m->pools;
    struct entry *entries = make_entries(m);

    s->pinned = calloc(POOL_CLASSES, sizeof(*s->pinned));
    if (!entries || !s->pinned) {
        free(entries);
        return false;
    }
    count_pools(s->pinned, m->profile);
    count_lines(s->pinned, entries, m->profile->pin_count);
    free(entries);
    qsort(s->pinned, POOL_CLASSES, sizeof(*s->pinned), by_bytes);
    while (s->pinned_count < POOL_CLASSES && s->pinned[s->pinned_count].pools)
        s->pinned_count++;
    return true;
}
