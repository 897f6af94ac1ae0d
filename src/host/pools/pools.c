/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/pools/pools.h"

#include "src/host/memory/intern.h"
#include "src/host/pools/heaplook.h"
#include "src/host/pools/pools-parts.h"
#include "src/host/view/viewrows.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_HEADER 8u
#define CHUNK_STEP 16u
#define CHUNK_MINIMUM 32u
#define CHUNK_MAPPED_FROM (UINT64_C(128) << 10)
#define PAGE 4096u

/* ---------------------------------------------------------- arithmetic -- */

static uint64_t round_up(uint64_t n, uint64_t step)
{
    return (n + step - 1) / step * step;
}

static bool chunk_is_mapped(uint64_t size)
{
    return round_up(size + CHUNK_HEADER, CHUNK_STEP) >= CHUNK_MAPPED_FROM;
}

uint64_t pools_chunk_bytes(uint64_t size)
{
    uint64_t chunk = round_up(size + CHUNK_HEADER, CHUNK_STEP);

    if (chunk_is_mapped(size))
        return round_up(chunk + CHUNK_HEADER, PAGE);
    return chunk < CHUNK_MINIMUM ? CHUNK_MINIMUM : chunk;
}

uint32_t pools_block_bytes(uint64_t size, uint32_t guards)
{
    if (size > BLOCK_LARGEST - guards)
        return 0;
    return geometry_block_bytes(geometry_class(size + guards ? size + guards : 1));
}

static void add_chunks(struct pools_chunks *c, uint64_t size, uint64_t blocks)
{
    uint64_t chunk = pools_chunk_bytes(size), plain = round_up(size + CHUNK_HEADER, CHUNK_STEP);
    uint64_t header = chunk_is_mapped(size) ? 2 * CHUNK_HEADER : CHUNK_HEADER;

    c->blocks += blocks;
    c->asked += size * blocks;
    c->taken += chunk * blocks;
    c->headers += header * blocks;
    if (chunk_is_mapped(size)) {
        c->mapped_blocks += blocks;
        c->mapped_asked += size * blocks;
        c->mapped_taken += chunk * blocks;
    } else if (chunk > plain) {
        c->minimum += (chunk - plain) * blocks;
        chunk = plain;
    }
    c->rounding += (chunk - size - header) * blocks;
}

/* -------------------------------------------------------------- places -- */

static bool find_places(struct pools_making *m, enum view_group group, const struct skiplist *skip)
{
    const struct profile *p = m->profile;
    struct line_choice *choices = line_choices(p, skip);
    struct viewrows rows = {.profile = p};
    bool ready = viewrows_init(&rows, p, (size_t)p->site_count + 1);

    m->place_of = calloc((size_t)p->site_count + 1, sizeof(*m->place_of));
    ready = ready && choices && m->place_of;
    for (uint32_t i = 0; ready && i < p->site_count; i++) {
        const struct profile_site *site = &p->sites[i];
        struct line_choice choice = choices[site->node];
        size_t row = viewrows_row(&rows, viewrow_key_of_line(p, group, choice));

        viewrows_represent(&rows, row, site->stats.live_bytes, site, choice);
        m->place_of[i] = (uint32_t)row;
    }
    if (ready) {
        m->pools->places = rows.rows;
        m->pools->place_count = (uint32_t)rows.count;
        rows.rows = NULL;
    }
    viewrows_release(&rows);
    free(choices);
    return ready;
}

/* ------------------------------------------------------------- classes -- */

static void begin_classes(struct pools_making *m)
{
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        struct pools_class *c = &m->pools->classes[i];

        c->block_bytes = geometry_block_bytes(i);
        c->largest = c->block_bytes > m->guards ? c->block_bytes - m->guards : 0;
        c->smallest = c->largest > POOL_STEP ? c->largest - (uint32_t)POOL_STEP + 1 : 1;
        c->top = POOLS_NO_PLACE;
    }
}

/* What is live, class by class. */
static void add_sizes(struct pools_making *m)
{
    struct pools *s = m->pools;

    for (uint32_t i = 0; i < m->profile->size_count; i++) {
        const struct profile_size *row = &m->profile->sizes[i];
        uint32_t bytes = pools_block_bytes(row->size, m->guards);
        struct pools_class *c;

        add_chunks(&s->chunks, row->size, row->blocks);
        if (!bytes) {
            s->large_blocks += row->blocks;
            s->large_asked += row->size * row->blocks;
            s->large_taken += pools_chunk_bytes(row->size) * row->blocks;
            continue;
        }
        c = &s->classes[geometry_class(bytes)];
        c->blocks += row->blocks;
        c->asked += row->size * row->blocks;
        c->chunks += pools_chunk_bytes(row->size) * row->blocks;
        s->blocks += row->blocks;
        s->asked += row->size * row->blocks;
    }
}

/* The place with most blocks of each class. */
static bool find_tops(struct pools_making *m)
{
    const struct profile *p = m->profile;
    uint64_t *blocks = calloc((size_t)p->size_count + 1, sizeof(*blocks));
    struct intern pairs;
    bool fine = blocks != NULL;

    intern_init(&pairs);
    for (uint32_t i = 0; fine && i < p->size_count; i++) {
        const struct profile_size *row = &p->sizes[i];
        uint32_t bytes = pools_block_bytes(row->size, m->guards), place = m->place_of[row->site], n;
        struct pools_class *c;

        if (!bytes)
            continue;
        n = intern_add(&pairs, (struct intern_key){bytes, place, 0}, NULL);
        fine = n != INTERN_NONE;
        if (!fine)
            break;
        blocks[n] += row->blocks;
        c = &m->pools->classes[geometry_class(bytes)];
        if (blocks[n] > c->top_blocks) {
            c->top_blocks = blocks[n];
            c->top = place;
        }
    }
    intern_release(&pairs);
    free(blocks);
    return fine;
}

/* -------------------------------------------------------------- layout -- */

/* So many pools of a class with room for `capacity` blocks together. */
static void add_pools(struct pools *s, uint32_t class, uint64_t count, uint64_t capacity,
                      uint64_t used, uint64_t full)
{
    struct pools_class *c = &s->classes[class];

    c->pools += count;
    c->used += used;
    c->free += capacity - used;
    c->full += full;
    s->header_bytes += count * POOL_HEADER_BYTES;
    s->header_bytes += count * (POOL_BYTES - POOL_HEADER_BYTES) - capacity * c->block_bytes;
}

/* How many blocks a turn through all colours of pools holds. */
static uint64_t turn_capacity(uint32_t class)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < POOL_COLOURS; i++)
        sum += geometry_capacity((uintptr_t)i * POOL_BYTES, class);
    return sum;
}

/* Lay out the class's blocks from pool number `first` on.  Returns the number behind. */
static uint64_t lay_out(struct pools *s, uint32_t class, uint64_t first)
{
    uint64_t turn = turn_capacity(class), left = s->classes[class].blocks;
    uint64_t turns = left / turn;

    add_pools(s, class, turns * POOL_COLOURS, turns * turn, turns * turn, turns * POOL_COLOURS);
    left -= turns * turn;
    for (first += turns * POOL_COLOURS; left; first++) {
        uint64_t capacity =
            geometry_capacity((uintptr_t)(first % POOL_COLOURS) * POOL_BYTES, class);
        uint64_t used = left < capacity ? left : capacity;

        add_pools(s, class, 1, capacity, used, used == capacity);
        left -= used;
    }
    return first;
}

static void simulate(struct pools *s)
{
    uint64_t next = 0;

    for (uint32_t i = 0; i < POOL_CLASSES; i++)
        next = lay_out(s, i, next);
    s->arenas = (next + ARENA_POOLS - 1) / ARENA_POOLS;
    s->free_pool_bytes = (s->arenas * ARENA_POOLS - next) * POOL_BYTES;
}

static void take_census(struct pools *s, const struct profile *p)
{
    for (uint32_t i = 0; i < p->class_count; i++) {
        s->classes[i].pools = p->classes[i].pools;
        s->classes[i].full = p->classes[i].full;
        s->classes[i].used = p->classes[i].used;
        s->classes[i].free = p->classes[i].free;
    }
    s->arenas = p->heap.arenas;
    s->high_water = p->heap.high_water;
    s->returned = p->heap.returned;
    s->header_bytes = p->heap.header_bytes + p->heap.tail_bytes;
    s->free_pool_bytes = p->heap.pools_free * POOL_BYTES;
}

/* What the addresses of recorded blocks tell, for want of a census. */
static void take_addresses(struct pools *s, const struct profile *p)
{
    uint64_t before = UINT64_MAX;

    for (uint32_t i = 0; i < p->pool_count; i++) {
        const struct profile_pool *pool = &p->pools[i];
        uint32_t capacity = geometry_capacity((uintptr_t)pool->address, pool->size_class);
        uint32_t used = pool->used < capacity ? pool->used : capacity;

        add_pools(s, pool->size_class, 1, capacity, used, used == capacity);
        s->arenas += pool->address >> ARENA_BITS != before;
        before = pool->address >> ARENA_BITS;
    }
    s->free_pool_bytes = (s->arenas * ARENA_POOLS - p->pool_count) * POOL_BYTES;
}

/* What the pools in use do not tell of the arenas. */
static void take_moment(struct pools *s, const struct profile_moment *m)
{
    s->arenas = m->pool_arenas;
    s->free_pool_bytes = m->pools_free * POOL_BYTES;
}

static void sum_up(struct pools *s)
{
    s->mapped = s->arenas * ARENA_BYTES;
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        s->used_bytes += s->classes[i].used * s->classes[i].block_bytes;
        s->free_bytes += s->classes[i].free * s->classes[i].block_bytes;
    }
}

/* ------------------------------------------------------------- all of it -- */

static int cannot(const struct profile *p, struct error *e)
{
    if (p->process.merged)
        return error_set(e, ERROR_INPUT,
                         "the sizes of live blocks are not kept in merged profiles: show the "
                         "profiles it was made of");
    if (p->incomplete)
        return error_set(e, ERROR_INPUT,
                         "the profile ends before the program did, and the sizes of live blocks "
                         "are written at the end: while a program runs, memprof pools PID asks "
                         "for them; --snapshot peak or last shows an estimate");
    return error_set(e, ERROR_INPUT,
                     "the profile has no sizes of live blocks: an earlier memprof wrote it, "
                     "record the program again");
}

static bool make_parts(struct pools_making *m, const struct pools_options *o)
{
    if (!find_places(m, o->group == POOLS_BY_FUNCTION ? VIEW_FUNCTION : VIEW_LINE, o->skip))
        return false;
    begin_classes(m);
    add_sizes(m);
    if (m->pools->simulated)
        simulate(m->pools);
    else if (m->pools->counted)
        take_census(m->pools, m->profile);
    else
        take_addresses(m->pools, m->profile);
    if (m->counted)
        take_moment(m->pools, m->counted);
    sum_up(m->pools);
    return find_tops(m) && (o->group == POOLS_BY_CLASS || pools_make_lines(m, o->order)) &&
           pools_make_pinned(m) && pools_make_map(m);
}

static uint32_t allocator_of(const struct profile *p)
{
    const char *name = profile_text(p, p->process.allocator);

    if (p->heap.number)
        return p->heap.allocator;
    return strcmp(name, "pool") == 0         ? ALLOCATOR_POOL
           : strcmp(name, "pool-debug") == 0 ? ALLOCATOR_POOL_DEBUG
                                             : ALLOCATOR_NEXT;
}

static int make_all(struct pools *s, const struct profile *p, const struct pools_options *options,
                    const struct profile_moment *counted, struct error *e)
{
    struct pools_making m = {
        .pools = s, .profile = p, .guards = heap_guard_bytes(allocator_of(p)), .counted = counted};
    bool fine;

    s->guarded = m.guards != 0;
    fine = make_parts(&m, options);
    free(m.place_of);
    if (fine)
        return 0;
    pools_release(s);
    return error_set(e, ERROR_MEMORY, "out of memory");
}

/* The pools of a snapshot, if they were kept: rows from malloc.  false: out of memory. */
static bool pools_of_snapshot(const struct profile *p, uint32_t snapshot,
                              struct profile_pool **pools, uint32_t *count)
{
    uint32_t first = 0, end;

    while (first < p->snapshot_pool_count && p->snapshot_pools[first].snapshot < snapshot)
        first++;
    for (end = first; end < p->snapshot_pool_count && p->snapshot_pools[end].snapshot == snapshot;)
        end++;
    *count = end - first;
    *pools = calloc((size_t)*count + 1, sizeof(**pools));
    for (uint32_t i = 0; *pools && i < *count; i++) {
        const struct profile_snapshot_pool *row = &p->snapshot_pools[first + i];

        (*pools)[i] = (struct profile_pool){row->address, row->size_class, row->used};
    }
    return *pools != NULL;
}

/* The profile as if its heap had been looked at then, and nobody had counted the pools. */
static int make_at(struct pools *s, const struct profile *p, const struct pools_options *options,
                   struct error *e)
{
    const struct profile_moment *m =
        options->moment.place == MOMENT_LISTED ? &p->moments[options->moment.index] : NULL;
    struct profile then = *p;
    int result;

    then.pin_count = then.class_count = 0;
    then.heap.left_blocks = then.heap.left_bytes = then.heap.pins_left = 0;
    if (pools_sizes_at(p, options->moment, &then.sizes, &then.size_count, &s->averaged_blocks, e) !=
        0)
        return -1;
    if (!pools_of_snapshot(p, m && m->number ? m->number : UINT32_MAX, &then.pools,
                           &then.pool_count)) {
        free(then.sizes);
        return error_set(e, ERROR_MEMORY, "out of memory");
    }
    s->simulated = then.pool_count == 0;
    result = make_all(s, &then, options, s->simulated ? NULL : m, e);
    s->counted = result == 0 && !s->simulated;
    free(then.pools);
    free(then.sizes);
    return result;
}

int pools_make(struct pools *s, const struct profile *p, const struct pools_options *options,
               struct error *e)
{
    memset(s, 0, sizeof(*s));
    s->pooled = allocator_of(p) != ALLOCATOR_NEXT;
    if (options->moment.place != MOMENT_AT_EXIT)
        return make_at(s, p, options, e);
    if (!p->heap.number)
        return cannot(p, e);
    s->simulated = !s->pooled;
    s->counted = s->pooled && p->heap.census;
    return make_all(s, p, options, NULL, e);
}

void pools_release(struct pools *s)
{
    free(s->places);
    free(s->lines);
    free(s->pinned);
    free(s->map);
    memset(s, 0, sizeof(*s));
}
