/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view of pools: its arithmetic against the allocator itself and against libc's
 * malloc, what the addresses of blocks tell, and what is said of it.
 */
#include "src/host/pools/pools.h"

#include "src/host/pools/heaplook.h"
#include "src/host/profile/changes.h"
#include "src/host/report/report-pools-time.h"
#include "src/host/report/report-pools.h"
#include "src/shared/block.h"
#include "src/shared/census.h"
#include "tests/unit/segment-maker.h"

#include <jansson.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define OTHER_MALLOC
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OTHER_MALLOC
#endif
#endif

/* ------------------------------------------------- a profile of few sites -- */

#define SITES 3u

/* Sites 0 to 2 are lines 10 to 12 of functions one, two and three. */
static void make_profile(struct profile *p)
{
    static const char *const names[SITES] = {"one", "two", "three"};

    profile_init(p);
    p->modules = calloc(1, sizeof(*p->modules));
    p->frames = calloc(SITES, sizeof(*p->frames));
    p->lines = calloc(SITES, sizeof(*p->lines));
    p->nodes = calloc(STACK_ROOTS + SITES, sizeof(*p->nodes));
    p->sites = calloc(SITES, sizeof(*p->sites));
    p->threads = calloc(1, sizeof(*p->threads));
    assert_true(p->modules && p->frames && p->lines && p->nodes && p->sites && p->threads);
    p->module_count = p->thread_count = 1;
    p->modules[0].path = strings_add(&p->strings, "/bin/app");
    p->frame_count = p->line_count = p->site_count = SITES;
    p->node_count = STACK_ROOTS + SITES;
    for (uint32_t i = 0; i < STACK_ROOTS; i++)
        p->nodes[i].frame = NO_FRAME;
    for (uint32_t i = 0; i < SITES; i++) {
        p->frames[i] =
            (struct profile_frame){.value = 0x1000 + i, .first_line = i, .line_count = 1};
        p->lines[i] = (struct profile_line){.function = strings_add(&p->strings, names[i]),
                                            .file = strings_add(&p->strings, "/src/app.c"),
                                            .line = 10 + i};
        p->nodes[STACK_ROOTS + i].frame = i;
        p->sites[i].node = STACK_ROOTS + i;
    }
    p->heap.number = 1;
}

static void add_size(struct profile *p, uint32_t site, uint64_t size, uint64_t blocks)
{
    p->sizes = reallocarray(p->sizes, p->size_count + 1, sizeof(*p->sizes));
    assert_non_null(p->sizes);
    p->sizes[p->size_count++] = (struct profile_size){.site = site, .size = size, .blocks = blocks};
}

static struct pools made(const struct profile *p, enum pools_group group, enum pools_order order)
{
    const struct pools_options options = {.group = group, .order = order};
    struct error e = {0};
    struct pools s;

    assert_int_equal(pools_make(&s, p, &options, &e), 0);
    return s;
}

/* ---------------------------------------------------------- arithmetic -- */

static void sizes_have_the_blocks_that_the_allocator_gives(void **state)
{
    (void)state;
    for (size_t size = 0; size <= BLOCK_LARGEST; size++) {
        void *block = block_alloc(size);

        assert_non_null(block);
        assert_int_equal(pools_block_bytes(size, 0), block_size(block));
        block_free(block);
    }
    assert_null(block_alloc(BLOCK_LARGEST + 1));
    assert_int_equal(pools_block_bytes(BLOCK_LARGEST + 1, 0), 0);
    assert_int_equal(pools_block_bytes(UINT64_MAX, 0), 0);
    assert_int_equal(pools_block_bytes(0, 64), 64);
    assert_int_equal(pools_block_bytes(1, 64), 80);
    assert_int_equal(pools_block_bytes(448, 64), 512);
    assert_int_equal(pools_block_bytes(449, 64), 0);
}

/* A chunk has its header and what may be used; one of its own mapping two headers. */
static void chunks_are_those_of_glibc(void **state)
{
#if defined(OTHER_MALLOC) || !defined(__GLIBC__)
    (void)state;
    skip();
#else
    /* just above the threshold, what is free in the heap may serve a request all the same */
    static const size_t large[] = {100000, 131000, 131048, 1 << 20, 5000000, 10000001};

    (void)state;
    mallopt(M_MMAP_THRESHOLD, 128 << 10); /* and no longer moving */
    for (size_t size = 0; size < 4096; size++) {
        void *block = malloc(size);

        assert_int_equal(pools_chunk_bytes(size), malloc_usable_size(block) + 8);
        free(block);
    }
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        void *block = malloc(large[i]);
        size_t header = pools_chunk_bytes(large[i]) % 4096 ? 8 : 16;

        assert_int_equal(pools_chunk_bytes(large[i]), malloc_usable_size(block) + header);
        free(block);
    }
#endif
}

/* Blocks of this process, class after class, as a simulation lays them out. */
static void a_simulation_is_what_the_allocator_does(void **state)
{
    struct census before, census;
    struct profile p;
    struct pools s;
    uint64_t arenas, large = 0;

    (void)state;
    block_trim();
    census_take(&before);
    assert_int_equal(before.used_bytes, 0);
    make_profile(&p);
    for (uint32_t size = 16; size <= BLOCK_LARGEST; size += 16) {
        uint64_t blocks = size == 48 ? 300000 : 100 + 37 * (uint64_t)size;

        add_size(&p, size / 16 % SITES, size - 5, blocks);
        for (uint64_t i = 0; i < blocks; i++)
            assert_non_null(block_alloc(size - 5));
    }
    add_size(&p, 0, BLOCK_LARGEST + 1, 3);
    census_take(&census);
    s = made(&p, POOLS_BY_CLASS, POOLS_BY_TAKEN);
    assert_true(s.simulated);
    arenas = (s.classes[2].pools + ARENA_POOLS - 1) / ARENA_POOLS;
    assert_true(arenas > 10);
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        /* where a class begins in an arena, and so its pools' colours, may differ */
        assert_int_equal(s.classes[i].used, census.classes[i].used);
        assert_in_range(s.classes[i].pools + 1, census.classes[i].pools,
                        census.classes[i].pools + 2);
        large += s.classes[i].pools;
    }
    assert_int_equal(s.used_bytes, census.used_bytes);
    assert_in_range(s.arenas + 1, census.seen, census.seen + 2);
    assert_int_equal(s.large_blocks, 3);
    assert_int_equal(s.mapped, s.used_bytes + s.free_bytes + s.header_bytes + s.free_pool_bytes);
    assert_int_equal(s.arenas * ARENA_POOLS * POOL_BYTES - s.free_pool_bytes, large * POOL_BYTES);
    pools_release(&s);
    profile_release(&p);
}

static void glibc_costs_add_up(void **state)
{
    struct profile p;
    struct pools s;

    (void)state;
    make_profile(&p);
    add_size(&p, 0, 1, 10);      /* 32: 8 header, 7 rounding to 16, 16 minimum */
    add_size(&p, 0, 24, 10);     /* 32: 8 header */
    add_size(&p, 0, 25, 10);     /* 48: 8 header, 15 rounding */
    add_size(&p, 1, 1 << 20, 2); /* 16 header, 4080 rounding */
    s = made(&p, POOLS_BY_CLASS, POOLS_BY_TAKEN);
    assert_int_equal(s.chunks.blocks, 32);
    assert_int_equal(s.chunks.headers, 30 * 8 + 2 * 16);
    assert_int_equal(s.chunks.minimum, 10 * 16);
    assert_int_equal(s.chunks.rounding, 10 * 7 + 10 * 15 + 2 * 4080);
    assert_int_equal(s.chunks.taken, 10 * 32 + 10 * 32 + 10 * 48 + 2 * ((1 << 20) + 4096));
    assert_int_equal(s.chunks.taken,
                     s.chunks.asked + s.chunks.headers + s.chunks.minimum + s.chunks.rounding);
    assert_int_equal(s.chunks.mapped_blocks, 2);
    assert_int_equal(s.large_blocks, 2);
    pools_release(&s);
    profile_release(&p);
}

/* --------------------------------------------------------------- lines -- */

static void lines_say_what_they_waste(void **state)
{
    struct profile p;
    struct pools s;

    (void)state;
    make_profile(&p);
    add_size(&p, 0, 40, 1000); /* glibc: 48 */
    add_size(&p, 1, 41, 900);  /* 64; one byte less: 48 */
    add_size(&p, 1, 100, 10);
    add_size(&p, 1, 200, 20);
    add_size(&p, 1, 300, 5);
    s = made(&p, POOLS_BY_LINE, POOLS_BY_WASTE);
    assert_int_equal(s.line_count, 2);
    assert_string_equal(profile_text(&p, p.lines[s.places[s.lines[0].place].line].function), "two");
    assert_int_equal(s.lines[0].blocks, 935);
    assert_int_equal(s.lines[0].asked, 41 * 900 + 1000 + 4000 + 1500);
    assert_int_equal(s.lines[0].taken, 64 * 900 + 112 * 10 + 208 * 20 + 320 * 5);
    assert_int_equal(s.lines[0].size_count, 3);
    assert_int_equal(s.lines[0].more_sizes, 1);
    assert_int_equal(s.lines[0].sizes[0].size, 41);
    assert_int_equal(s.lines[0].sizes[1].size, 200);
    assert_int_equal(s.lines[0].sizes[2].size, 100);
    assert_int_equal(s.lines[0].shrink, 1);
    assert_int_equal(s.lines[0].saved, 16 * 900);
    assert_int_equal(s.lines[1].shrink, 0); /* 16 bytes less would be needed */
    pools_release(&s);
    p.heap.allocator = ALLOCATOR_POOL; /* 40 in 48: 8 less are a block of 32 */
    s = made(&p, POOLS_BY_FUNCTION, POOLS_BY_COUNT);
    assert_int_equal(s.lines[0].blocks, 1000);
    assert_int_equal(s.lines[0].taken, 48000);
    assert_int_equal(s.lines[0].shrink, 8);
    assert_int_equal(s.lines[0].saved, 16000);
    assert_int_equal(s.lines[1].shrink, 0); /* 41 in 48 */
    pools_release(&s);
    profile_release(&p);
}

/* ----------------------------------------------------- a look at a model -- */

struct looked {
    struct segment segment;
    struct model model;
    struct profile profile;
};

static void look_begin(struct looked *l, uint32_t allocator)
{
    struct segment_settings settings = {.allocator = allocator};

    assert_int_equal(make_segment(&l->segment, 6, &settings), 0);
    model_init(&l->model, l->segment.layout.nodes_max, 0, 1);
    make_profile(&l->profile);
}

static void put(struct looked *l, uint64_t address, uint64_t size, uint32_t site)
{
    const struct livetable_block block = {.address = address, .size = size, .site = site + 1};
    struct livetable_block old;

    assert_int_equal(livetable_put(&l->model.live, livetable_hash(address), &block, &old),
                     LIVETABLE_ADDED);
}

static void look_with(struct looked *l, const struct poolstate_rows *last)
{
    struct error e = {0};

    assert_int_equal(heap_look(&l->profile, &l->model, &l->segment, 0, last, &e), 0);
    l->profile.heap.number = 1;
}

static void look(struct looked *l)
{
    const struct poolstate_rows none = {0};

    look_with(l, &none);
}

static void look_end(struct looked *l)
{
    profile_release(&l->profile);
    model_release(&l->model);
    assert_int_equal(drop_segment(&l->segment), 0);
}

#define ARENA(n) (UINT64_C(0x7f0000000000) + (n)*ARENA_BYTES)

/* A block may have been made smaller where it lies: the pools know of which class they are. */
static void pools_tell_their_class(void **state)
{
    struct profile_snapshot_pool pools[] = {{.address = ARENA(1) + POOL_BYTES, .size_class = 20},
                                            {.address = ARENA(1) + 2 * POOL_BYTES}};
    const struct poolstate_rows last = {.pools = pools, .count = 2};
    struct looked l;

    (void)state;
    look_begin(&l, ALLOCATOR_POOL);
    put(&l, ARENA(1) + POOL_BYTES + 512, 16, 0);
    put(&l, ARENA(1) + 2 * POOL_BYTES + 512, 100, 0);
    put(&l, ARENA(1) + 3 * POOL_BYTES + 512, 16, 0);
    look_with(&l, &last);
    assert_int_equal(l.profile.pool_count, 3);
    assert_int_equal(l.profile.pools[0].size_class, 20);
    assert_int_equal(l.profile.pools[1].size_class, geometry_class(100)); /* another one now */
    assert_int_equal(l.profile.pools[2].size_class, geometry_class(16));
    look_end(&l);
}

static void addresses_tell_the_pools(void **state)
{
    struct looked l;
    struct pools s;

    (void)state;
    look_begin(&l, ALLOCATOR_POOL);
    put(&l, ARENA(0), 40, 0);
    put(&l, ARENA(0) + 48, 33, 1);
    put(&l, ARENA(0) + 3 * POOL_BYTES, 512, 1);
    for (uint64_t i = 0; i < 200; i++)
        put(&l, ARENA(2) + 1 * POOL_BYTES + i * 48, 40, 2);
    put(&l, ARENA(1), 16, 0); /* beside a large block: of libc, aligned as it asked for */
    put(&l, ARENA(1) + 64 * 1024, UINT64_C(5) << 30, 0);
    look(&l);
    assert_int_equal(l.profile.pool_count, 3);
    assert_int_equal(l.profile.pools[0].address, ARENA(0));
    assert_int_equal(l.profile.pools[0].used, 2);
    assert_int_equal(l.profile.pools[0].size_class, 2);
    assert_int_equal(l.profile.pools[1].size_class, 31);
    assert_int_equal(l.profile.pools[2].used, 200);
    assert_int_equal(l.profile.size_count, 6);
    assert_int_equal(l.profile.heap.census, 0);
    s = made(&l.profile, POOLS_BY_CLASS, POOLS_BY_TAKEN);
    assert_false(s.simulated || s.counted);
    assert_int_equal(s.arenas, 2);
    assert_int_equal(s.classes[2].pools, 2);
    assert_int_equal(s.classes[2].used, 202);
    assert_int_equal(s.large_asked, UINT64_C(5) << 30);
    assert_int_equal(s.map_count, 2);
    assert_int_equal(s.map[0].pools, 2);
    assert_int_equal(s.map[0].fill[1], 0);
    assert_true(s.map[1].fill[1] > 128);
    /* a pool with 2 blocks of two lines, and one with one of 32 */
    assert_int_equal(s.pinned_count, 2);
    assert_int_equal(s.pinned[0].size_class, 2);
    assert_int_equal(s.pinned[0].bytes, POOL_BYTES - 96);
    assert_int_equal(s.pinned[0].line_count, 2);
    assert_int_equal(s.pinned[1].blocks, 1);
    pools_release(&s);
    look_end(&l);
}

/* What the program counted at its end comes from the segment. */
static void the_census_is_taken_over(void **state)
{
    struct looked l;
    struct pools s;
    struct segment_header *h;

    (void)state;
    look_begin(&l, ALLOCATOR_POOL_DEBUG);
    h = segment_header(&l.segment);
    h->pool_census.seen = 3;
    h->pool_census.arenas.high_water = 5;
    h->pool_census.arenas.returned = 2;
    h->pool_census.classes[4] =
        (struct class_census){.pools = 2, .full = 1, .used = 300, .free = 7};
    atomic_store(&h->pool_census_taken, 1);
    put(&l, ARENA(0) + 48, 16, 0); /* with its guards a block of 80 */
    look(&l);
    s = made(&l.profile, POOLS_BY_CLASS, POOLS_BY_TAKEN);
    assert_true(s.counted && s.guarded);
    assert_int_equal(s.arenas, 3);
    assert_int_equal(s.high_water, 5);
    assert_int_equal(s.returned, 2);
    assert_int_equal(s.classes[4].used, 300);
    assert_int_equal(s.classes[4].blocks, 1);
    assert_int_equal(s.classes[4].largest, 16);
    assert_int_equal(s.classes[4].top, 0);
    pools_release(&s);
    look_end(&l);
}

/* ------------------------------------------------------------- reports -- */

static void what_is_missing_is_said(void **state)
{
    const struct pools_options options = {.group = POOLS_BY_CLASS};
    struct error e = {0};
    struct profile p;
    struct pools s;

    (void)state;
    make_profile(&p);
    p.heap.number = 0;
    assert_int_equal(pools_make(&s, &p, &options, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, "earlier memprof"));
    p.incomplete = true;
    assert_int_equal(pools_make(&s, &p, &options, &e), -1);
    assert_non_null(strstr(e.text, "memprof pools PID"));
    p.process.merged = 2;
    assert_int_equal(pools_make(&s, &p, &options, &e), -1);
    assert_non_null(strstr(e.text, "merged"));
    profile_release(&p);
}

static json_t *json_of(const struct profile *p, const struct pools *s,
                       const struct report_pools_options *options)
{
    struct error e = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    json_t *json;

    assert_non_null(file);
    assert_int_equal(report_pools_json(file, p, s, options, &e), 0);
    fclose(file);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static void reports_show_it(void **state)
{
    struct report_pools_options options = {.group = POOLS_BY_LINE, .ascii = true};
    struct profile p;
    struct pools s;
    struct strbuf out;
    json_t *json, *line;

    (void)state;
    make_profile(&p);
    add_size(&p, 1, 41, 900);
    p.heap.left_blocks = 7;
    s = made(&p, POOLS_BY_LINE, POOLS_BY_TAKEN);
    strbuf_init(&out);
    report_pools_text(&out, &p, &s, &options);
    assert_non_null(strstr(strbuf_text(&out), "app.c:11 in two"));
    assert_non_null(strstr(strbuf_text(&out), "shrink 41 B by 1 and save 25.0 % (14.1 KiB)"));
    assert_non_null(strstr(strbuf_text(&out), "7 blocks (0 B) are left out"));
    strbuf_release(&out);
    json = json_of(&p, &s, &options);
    line = json_array_get(json_object_get(json, "lines"), 0);
    assert_int_equal(json_integer_value(json_object_get(line, "wasted_bytes")), 23 * 900);
    assert_int_equal(json_integer_value(json_object_get(line, "shrink_bytes")), 1);
    assert_true(json_is_true(json_object_get(json, "simulated")));
    json_decref(json);
    pools_release(&s);
    profile_release(&p);
}

/* -------------------------------------------------------------- moments -- */

static struct pools made_at(const struct profile *p, enum moment_place place, uint32_t index)
{
    const struct pools_options options = {.moment = {.place = place, .index = index}};
    struct error e = {0};
    struct pools s;

    assert_int_equal(pools_make(&s, p, &options, &e), 0);
    return s;
}

static void set_peak(struct profile_site *site, uint64_t blocks, uint64_t bytes, uint64_t smallest,
                     uint64_t largest)
{
    site->stats.peak_blocks = blocks;
    site->stats.peak_bytes = bytes;
    site->stats.smallest = smallest;
    site->stats.largest = largest;
}

/* The peak's sizes are those of its sites: exact where there is one, else their average. */
static void the_peak_is_estimated_by_site(void **state)
{
    struct error e = {0};
    struct pools_options options = {.moment = {.place = MOMENT_AT_PEAK}};
    struct profile p;
    struct pools s;

    (void)state;
    make_profile(&p);
    add_size(&p, 0, 500, 77); /* at the end: not shown */
    set_peak(&p.sites[0], 100, 2400, 24, 24);
    set_peak(&p.sites[1], 10, 337, 33, 40); /* 7 of 34 and 3 of 33 */
    set_peak(&p.sites[2], 5, 500, 100, 100);
    p.sites[2].domain = DOMAIN_MMAP;
    p.totals.peak_blocks = 110;
    p.totals.peak_bytes = 2737;
    s = made_at(&p, MOMENT_AT_PEAK, 0);
    assert_true(s.simulated);
    assert_false(s.pooled);
    assert_int_equal(s.blocks, 110);
    assert_int_equal(s.asked, 2737);
    assert_int_equal(s.classes[1].blocks, 100);
    assert_int_equal(s.classes[2].blocks, 10);
    assert_int_equal(s.classes[2].asked, 337);
    assert_int_equal(s.averaged_blocks, 10);
    assert_int_equal(s.large_blocks, 0);
    pools_release(&s);
    p.heap.allocator = ALLOCATOR_POOL;
    p.heap.census = 1;
    s = made_at(&p, MOMENT_AT_PEAK, 0);
    assert_true(s.simulated && s.pooled && !s.counted);
    assert_int_equal(s.map_count, 0);
    pools_release(&s);
    for (uint32_t i = 0; i < SITES; i++)
        set_peak(&p.sites[i], 0, 0, 1, 1);
    assert_int_equal(pools_make(&s, &p, &options, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, "--no-snapshot-at-peak"));
    profile_release(&p);
}

static void put_snapshot_pool(struct profile *p, uint32_t snapshot, uint64_t address, uint32_t used)
{
    p->snapshot_pools =
        reallocarray(p->snapshot_pools, p->snapshot_pool_count + 1, sizeof(*p->snapshot_pools));
    assert_non_null(p->snapshot_pools);
    p->snapshot_pools[p->snapshot_pool_count++] = (struct profile_snapshot_pool){
        .snapshot = snapshot, .address = address, .size_class = 2, .used = used};
}

static void add_moment(struct profile *p, uint32_t number, uint64_t arenas, uint64_t pools_free)
{
    static const struct error none;
    struct profile_change change = {.site = 0, .stats.live_blocks = 5, .stats.live_bytes = 200};
    struct error e = none;

    change.stats.smallest = (uint64_t)40 - UINT64_MAX;
    change.stats.largest = 40;
    p->moments = reallocarray(p->moments, p->moment_count + 1, sizeof(*p->moments));
    p->changes = reallocarray(p->changes, p->moment_count + 1, sizeof(*p->changes));
    assert_true(p->moments && p->changes);
    assert_int_equal(changes_encode(&p->changes[p->moment_count], &change, 1, &e), 0);
    p->moments[p->moment_count++] = (struct profile_moment){.seconds = number,
                                                            .kind = MOMENT_SNAPSHOT,
                                                            .number = number,
                                                            .pool_arenas = arenas,
                                                            .pools_free = pools_free};
}

/* What the pools counted at a snapshot is shown as it was; without it there is a simulation. */
static void a_snapshot_has_its_pools(void **state)
{
    uint32_t capacity = geometry_capacity((uintptr_t)ARENA(0), 2);
    struct profile p;
    struct pools s;

    (void)state;
    make_profile(&p);
    p.heap.allocator = ALLOCATOR_POOL;
    add_moment(&p, 1, 2, 2 * ARENA_POOLS - 2);
    add_moment(&p, 2, 1, ARENA_POOLS - 1);
    add_moment(&p, 3, 1, ARENA_POOLS);
    put_snapshot_pool(&p, 1, ARENA(0), capacity);
    put_snapshot_pool(&p, 1, ARENA(0) + 5 * POOL_BYTES, 1);
    put_snapshot_pool(&p, 2, ARENA(0), 7);
    s = made_at(&p, MOMENT_LISTED, 0);
    assert_true(s.counted && s.pooled && !s.simulated);
    assert_int_equal(s.arenas, 2);
    assert_int_equal(s.classes[2].pools, 2);
    assert_int_equal(s.classes[2].full, 1);
    assert_int_equal(s.classes[2].used, capacity + 1);
    assert_int_equal(s.classes[2].blocks, 5);
    assert_int_equal(s.mapped, s.used_bytes + s.free_bytes + s.header_bytes + s.free_pool_bytes);
    assert_int_equal(s.map_count, 1);
    assert_int_equal(s.map[0].fill[0], 255);
    assert_int_equal(s.map[0].fill[5], 1);
    pools_release(&s);
    s = made_at(&p, MOMENT_LISTED, 1);
    assert_int_equal(s.classes[2].used, 7);
    assert_int_equal(s.mapped, s.used_bytes + s.free_bytes + s.header_bytes + s.free_pool_bytes);
    pools_release(&s);
    s = made_at(&p, MOMENT_LISTED, 2);
    assert_true(s.simulated && !s.counted);
    pools_release(&s);
    profile_release(&p);
}

static void put_count(struct profile *p, double seconds, uint64_t arenas, uint64_t used)
{
    p->moments = reallocarray(p->moments, p->moment_count + 1, sizeof(*p->moments));
    p->changes = reallocarray(p->changes, p->moment_count + 1, sizeof(*p->changes));
    assert_true(p->moments && p->changes);
    p->changes[p->moment_count] = (struct profile_changes){0};
    p->moments[p->moment_count++] =
        (struct profile_moment){.seconds = seconds, .pool_arenas = arenas, .pool_used_bytes = used};
}

/* Of several counts in a cell the highest, and a gap keeps what was before it. */
static void counts_over_time_are_drawn(void **state)
{
    const struct pools_time_options options = {.columns = 46, .ascii = true, .exact = true};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.process.seconds = 10;
    strbuf_init(&out);
    assert_false(report_pools_time(&out, &p, &options));
    put_count(&p, 0.5, 1, ARENA_BYTES / 2);
    assert_false(report_pools_time(&out, &p, &options));
    assert_int_equal(out.length, 0);
    put_count(&p, 2.1, 8, 8 * ARENA_BYTES);
    put_count(&p, 2.9, 4, ARENA_BYTES / 100); /* 1/400 */
    put_count(&p, 6.0, 0, 0);                 /* not counted */
    put_count(&p, 8.0, 4, 2 * ARENA_BYTES);
    put_count(&p, 10.0, 4, 2 * ARENA_BYTES);
    assert_true(report_pools_time(&out, &p, &options));
    assert_string_equal(strbuf_text(&out), "  mapped  ..######==  at most 8,388,608 B\n"
                                           "  in use  ..######::  at most 8,388,608 B\n"
                                           "  least in use: 0.2 % of what was mapped, at 2.90 s\n");
    strbuf_release(&out);
    profile_release(&p);
}

/* A hostile file's numbers are nonsense, and no more. */
static void absurd_counts_do_no_harm(void **state)
{
    const struct pools_time_options options = {.columns = 1};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    put_count(&p, 1e15, UINT64_MAX, UINT64_MAX);
    put_count(&p, 0, UINT64_C(1) << (64 - ARENA_BITS), 0);
    put_count(&p, -5, 1, UINT64_MAX);
    for (int i = 0; i < 2; i++) {
        strbuf_init(&out);
        assert_true(report_pools_time(&out, &p, &options));
        assert_false(out.failed);
        strbuf_release(&out);
        p.process.seconds = 3; /* and with a length of the run */
    }
    profile_release(&p);
}

static char *csv_of(const struct profile *p, enum pools_group group)
{
    const struct report_pools_options options = {.group = group};
    struct pools s = made(p, group, POOLS_BY_WASTE);
    struct error e = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    assert_int_equal(report_pools_csv(file, p, &s, &options, &e), 0);
    fclose(file);
    pools_release(&s);
    return text;
}

static void rows_as_csv(void **state)
{
    struct profile p;
    char *text;

    (void)state;
    make_profile(&p);
    add_size(&p, 1, 41, 900);
    add_size(&p, 2, 600, 2);
    text = csv_of(&p, POOLS_BY_CLASS);
    assert_non_null(strstr(
        text, "\r\n33,48,48,3,2,900,119,900,36900,57600,two,/src/app.c,11,/bin/app,900\r\n"));
    free(text);
    text = csv_of(&p, POOLS_BY_LINE);
    assert_non_null(
        strstr(text, "\r\ntwo,/src/app.c,11,/bin/app,900,36900,57600,20700,41,900,,,,,0,1,14400\r\n"
                     "three,/src/app.c,12,/bin/app,2,1200,1216,16,600,2,,,,,0,,\r\n"));
    free(text);
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_the_blocks_that_the_allocator_gives),
        cmocka_unit_test(chunks_are_those_of_glibc),
        cmocka_unit_test(a_simulation_is_what_the_allocator_does),
        cmocka_unit_test(glibc_costs_add_up),
        cmocka_unit_test(lines_say_what_they_waste),
        cmocka_unit_test(pools_tell_their_class),
        cmocka_unit_test(addresses_tell_the_pools),
        cmocka_unit_test(the_census_is_taken_over),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(reports_show_it),
        cmocka_unit_test(the_peak_is_estimated_by_site),
        cmocka_unit_test(a_snapshot_has_its_pools),
        cmocka_unit_test(counts_over_time_are_drawn),
        cmocka_unit_test(absurd_counts_do_no_harm),
        cmocka_unit_test(rows_as_csv),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
