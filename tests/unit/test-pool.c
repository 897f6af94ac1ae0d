/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas, pools and blocks with one thread.  Compiled for each geometry: test-pool and
 * test-pool-classic.
 */
#include "src/shared/block.h"
#include "src/shared/census.h"
#include "src/shared/poolcheck.h"
#include "tests/unit/failing-sysmem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_sound(uint64_t blocks)
{
    struct poolcheck found;

    poolcheck_all(&found);
    if (found.wrong)
        fail_msg("%s (%p)", found.wrong, found.where);
    assert_int_equal(found.blocks, blocks);
}

static uint64_t arenas_mapped(void)
{
    struct arena_totals totals;

    arena_totals(&totals);
    return totals.mapped;
}

/* --------------------------------------------------------------- sizes -- */

static void check_size(size_t size)
{
    char *block = block_alloc(size);
    size_t step = POOL_STEP, wanted = size ? (size + step - 1) / step * step : step;

    assert_non_null(block);
    assert_true(block_owned(block) && block_owned(block + wanted - 1));
    assert_int_equal((uintptr_t)block % step, 0);
    assert_int_equal(block_size(block), wanted);
    assert_int_equal(pool_number(pool_of(block), block) == UINT32_MAX, false);
    memset(block, 0xa5, wanted);
    assert_sound(1);
    assert_true(block_free(block));
    assert_sound(0);
}

static void every_size_has_its_class(void **state)
{
    (void)state;
    for (size_t size = 0; size <= BLOCK_LARGEST; size++)
        check_size(size);
}

static void larger_sizes_are_passed_on(void **state)
{
    static const size_t sizes[] = {BLOCK_LARGEST + 1, 4096,         1u << 20,
                                   SIZE_MAX / 2,      SIZE_MAX - 1, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_false(block_fits(sizes[i]));
        assert_null(block_alloc(sizes[i]));
    }
    assert_true(block_fits(0) && block_fits(BLOCK_LARGEST));
}

static void geometry_is_as_its_model(void **state)
{
    const struct geometry *classic = &geometries[GEOMETRY_CLASSIC];
    const struct geometry *modern = &geometries[GEOMETRY_MODERN];

    (void)state;
    assert_int_equal(classic->arena_bytes, 256 << 10);
    assert_int_equal(classic->pool_bytes, 4096);
    assert_int_equal(classic->step, 8);
    assert_int_equal(classic->classes, 64);
    assert_int_equal(classic->largest, 512);
    assert_int_equal(modern->arena_bytes, 1 << 20);
    assert_int_equal(modern->pool_bytes, 16384);
    assert_int_equal(modern->step, 16);
    assert_int_equal(modern->classes, 32);
    assert_int_equal(modern->largest, 512);
    assert_int_equal(geometry_class(1), 0);
    assert_int_equal(geometry_class(POOL_STEP), 0);
    assert_int_equal(geometry_class(POOL_STEP + 1), 1);
    assert_int_equal(geometry_class(BLOCK_LARGEST), POOL_CLASSES - 1);
}

/* The compiler must not see where it comes from, or it warns of what would be wrong. */
static bool ours(void *volatile address)
{
    return block_owned(address) || block_free(address);
}

static void foreign_addresses_are_not_ours(void **state)
{
    char *block = block_alloc(16), *heap = malloc(100);
    char *below = block - (uintptr_t)block % ARENA_BYTES - 1;
    int local;

    (void)state;
    assert_false(ours(NULL));
    assert_false(ours(&local));
    assert_false(ours(heap));
    assert_false(ours(below));
    assert_false(ours((void *)(uintptr_t)-4096));
    /* the same bits under an address that user space does not have */
    assert_false(ours((void *)((uintptr_t)block | (uintptr_t)1 << 60)));
    free(heap);
    block_free(block);
}

/* ---------------------------------------------------- pools and arenas -- */

struct many {
    void **blocks;
    size_t count;
};

static struct many take_many(size_t size, size_t count)
{
    struct many m = {malloc(count * sizeof(void *)), count};

    for (size_t i = 0; i < count; i++) {
        m.blocks[i] = block_alloc(size);
        assert_non_null(m.blocks[i]);
        memset(m.blocks[i], (int)i, size);
    }
    return m;
}

static void give_many(struct many m)
{
    for (size_t i = 0; i < m.count; i++)
        block_free(m.blocks[i]);
    free(m.blocks);
}

static void a_pool_fills_and_empties(void **state)
{
    (void)state;
    for (uint32_t class = 0; class < POOL_CLASSES; class ++) {
        size_t size = geometry_block_bytes(class);
        void *first = block_alloc(size), *last, *again;
        uint32_t capacity = pool_of(first)->capacity;
        struct many rest = take_many(size, capacity - 1);

        assert_int_equal(capacity, geometry_capacity(pool_base(first), class));
        for (uint32_t i = 0; i < rest.count; i++)
            assert_ptr_equal(pool_of(rest.blocks[i]), pool_of(first));
        last = block_alloc(size);
        assert_ptr_not_equal(pool_of(last), pool_of(first));
        assert_true(pool_word(pool_of(first)) & POOL_FULL);
        assert_sound(capacity + 1);
        block_free(first);
        assert_false(pool_word(pool_of(first)) & POOL_FULL);
        assert_sound(capacity);
        again = block_alloc(size);
        assert_ptr_equal(pool_of(again), pool_of(last)); /* the one that was at hand */
        block_free(again);
        block_free(last);
        give_many(rest);
        assert_sound(0);
    }
}

static void blocks_do_not_overlap(void **state)
{
    (void)state;
    for (uint32_t class = 0; class < POOL_CLASSES; class ++) {
        size_t size = geometry_block_bytes(class);
        struct many m = take_many(size, 3 * (POOL_BYTES / size) + 1);

        for (size_t i = 0; i < m.count; i++)
            for (size_t k = 0; k < size; k++)
                assert_int_equal(((unsigned char *)m.blocks[i])[k], (unsigned char)i);
        give_many(m);
    }
}

static void arenas_come_and_go(void **state)
{
    struct arena_totals before, during, after;
    struct many m;

    (void)state;
    block_trim();
    assert_int_equal(arenas_mapped(), 0);
    arena_totals(&before);
    m = take_many(BLOCK_LARGEST, 10 * ARENA_BYTES / BLOCK_LARGEST);
    arena_totals(&during);
    assert_true(during.mapped >= 10 && during.mapped <= 12);
    assert_int_equal(during.taken - before.taken, during.mapped);
    give_many(m);
    assert_sound(0);
    arena_totals(&after);
    /* besides those that are kept empty, one with the class's spare pool */
    assert_true(after.mapped <= ARENAS_KEPT + 1);
    assert_true(after.high_water >= during.mapped);
    block_trim();
    arena_totals(&after);
    assert_int_equal(after.mapped, 0);
    assert_int_equal(after.returned, after.taken);
}

/* Free all but one block in one arena and all but many in another: the second one serves next. */
static void the_fullest_arena_serves_first(void **state)
{
    size_t size = BLOCK_LARGEST;
    struct many m = take_many(size, 3 * ARENA_BYTES / size);
    uintptr_t thin = (uintptr_t)m.blocks[0] / ARENA_BYTES, thick = thin;
    size_t left = 0, seen = 0, skipped = POOL_BYTES / size;
    void *fresh;

    (void)state;
    for (size_t i = 1; i < m.count && thick == thin; i++)
        thick = (uintptr_t)m.blocks[i] / ARENA_BYTES;
    for (size_t i = 1; i < m.count; i++) {
        uintptr_t arena = (uintptr_t)m.blocks[i] / ARENA_BYTES;

        if (arena == thin || (arena == thick && ++seen > skipped && seen <= 3 * skipped)) {
            block_free(m.blocks[i]);
            m.blocks[i] = NULL;
        }
    }
    pool_release_spares(owner_mine);
    fresh = block_alloc(1); /* a class that has no pool */
    assert_int_equal((uintptr_t)fresh / ARENA_BYTES, thick);
    block_free(fresh);
    for (size_t i = 0; i < m.count; i++)
        left += m.blocks[i] != NULL;
    assert_sound(left);
    for (size_t i = 0; i < m.count; i++)
        if (m.blocks[i])
            block_free(m.blocks[i]);
    free(m.blocks);
    assert_sound(0);
}

static void a_census_adds_up(void **state)
{
    struct many small = take_many(1, 5000), large = take_many(BLOCK_LARGEST, 3000);
    struct census c;
    uint64_t used = 0, pools = 0;

    (void)state;
    census_take(&c);
    for (uint32_t class = 0; class < POOL_CLASSES; class ++) {
        used += c.classes[class].used;
        pools += c.classes[class].pools;
        assert_true(c.classes[class].full <= c.classes[class].pools);
    }
    assert_int_equal(used, 8000);
    assert_int_equal(c.classes[0].used, 5000);
    assert_int_equal(c.classes[POOL_CLASSES - 1].used, 3000);
    assert_int_equal(c.used_bytes, 5000 * POOL_STEP + 3000 * BLOCK_LARGEST);
    assert_int_equal(c.seen, c.arenas.mapped);
    assert_int_equal(pools + c.pools_free, c.seen * ARENA_POOLS);
    assert_int_equal(c.used_bytes + c.free_bytes + c.header_bytes + c.tail_bytes +
                         c.pools_free * POOL_BYTES,
                     c.arenas.mapped * ARENA_BYTES);
    assert_true(c.arenas.kept_bytes > 0);
    give_many(small);
    give_many(large);
}

/* While somebody looks, nothing is unmapped; afterwards it is. */
static void nothing_goes_while_looked_at(void **state)
{
    struct many m = take_many(BLOCK_LARGEST, 4 * ARENA_BYTES / BLOCK_LARGEST);
    uint64_t had = arenas_mapped();

    (void)state;
    arena_walk_begin();
    give_many(m);
    block_trim();
    assert_int_equal(arenas_mapped(), had);
    assert_sound(0);
    arena_walk_end();
    block_trim();
    assert_int_equal(arenas_mapped(), 0);
}

/* ------------------------------------------------------ checker itself -- */

static void expect_found(struct owner *o, const char *part)
{
    struct poolcheck found;

    assert_false(poolcheck_owner(o, &found));
    assert_non_null(strstr(found.wrong, part));
}

static void damage_is_found(void **state)
{
    struct block *a = block_alloc(32), *b = block_alloc(32), *link;
    struct owner *o = owner_mine;
    struct pool *p = pool_of(a);
    uint32_t word = pool_word(p);

    (void)state;
    block_free(b);
    link = b->next;
    b->next = (struct block *)(void *)((char *)b + 1);
    expect_found(o, "free list");
    b->next = b;
    expect_found(o, "free list");
    b->next = link;
    pool_set_word(p, pool_word(p) + 1);
    expect_found(o, "add up");
    pool_set_word(p, word - 1);
    assert_sound(1);
    p->block_bytes += 8;
    expect_found(o, "measures");
    p->block_bytes -= 8;
    p->arena->free_count++;
    expect_found(o, "wrong list");
    p->arena->free_count--;
    o->has_free ^= 1;
    expect_found(o, "bit");
    o->has_free ^= 1;
    o->empty++;
    expect_found(o, "miscounted");
    o->empty--;
    o->last[geometry_class(32)] = NULL;
    expect_found(o, "end");
    o->last[geometry_class(32)] = p;
    block_free(a);
    assert_sound(0);
}

/* ---------------------------------------------------- failing mappings -- */

/* In a process that has not allocated yet: 0 when the n-th mapping's failure is survived. */
static int survive_failure(long n, long count)
{
    size_t wanted = 3 * ARENA_BYTES / BLOCK_LARGEST, got = 0, refused = 0;
    void **blocks = malloc(wanted * sizeof(void *));
    struct poolcheck found;
    long calls;

    sysmem_calls = 0;
    sysmem_fail_from = n;
    sysmem_fail_count = count;
    for (size_t i = 0; i < wanted; i++) {
        void *block = block_alloc(BLOCK_LARGEST);

        if (block)
            blocks[got++] = memset(block, 1, BLOCK_LARGEST);
        else
            refused++;
    }
    calls = sysmem_calls;
    if (!poolcheck_all(&found) || found.blocks != got)
        return 1;
    sysmem_fail_from = 0;
    while (refused-- > 0)
        if (!(blocks[got++] = block_alloc(BLOCK_LARGEST)))
            return 2;
    for (size_t i = 0; i < got; i++)
        if (!block_free(blocks[i]))
            return 3;
    block_trim();
    if (!poolcheck_all(&found) || found.blocks != 0 || arenas_mapped() != 0)
        return 4;
    return calls < n ? 100 : 0; /* it was never reached */
}

static int in_child(long n, long count)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(survive_failure(n, count));
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

/* Must run first. */
static void each_mapping_may_fail(void **state)
{
    long n = 1;
    int result;

    (void)state;
    assert_null(owner_walk(NULL));
    for (; (result = in_child(n, 1)) != 100; n++)
        assert_int_equal(result, 0);
    assert_true(n > 5); /* process page, owner, leaf, three arenas */
    for (n = 1; (result = in_child(n, 7)) != 100; n++)
        assert_int_equal(result, 0);
}

/* ----------------------------------------------------- random sequences -- */

#define LIVE 4096u

struct live {
    unsigned char *block;
    size_t size;
    unsigned char mark;
};

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void live_check(const struct live *l)
{
    for (size_t i = 0; i < l->size; i++)
        if (l->block[i] != l->mark)
            fail_msg("byte %zu of a block of %zu is %u, not %u", i, l->size, l->block[i], l->mark);
}

/* Sizes favour some classes for a while, so that pools empty and change their class. */
static size_t random_size(uint64_t r, uint64_t step)
{
    size_t about = (size_t)((step / 50000 * 97) % BLOCK_LARGEST);

    return r % 4 == 0 ? (size_t)(r >> 8) % (BLOCK_LARGEST + 1)
                      : (about + (size_t)(r >> 8) % 40) % (BLOCK_LARGEST + 1);
}

static void run_sequence(uint64_t seed, uint64_t steps)
{
    static struct live live[LIVE];
    uint64_t x = seed, count = 0, high = LIVE;

    for (uint64_t step = 0; step < steps; step++) {
        uint64_t r = random_next(&x);
        struct live *l = &live[(r >> 40) % high];

        if (l->block) {
            live_check(l);
            assert_true(block_size(l->block) >= l->size);
            assert_true(block_free(l->block));
            l->block = NULL;
            count--;
        } else {
            l->size = random_size(r, step);
            l->block = block_alloc(l->size);
            l->mark = (unsigned char)(r >> 32);
            assert_non_null(l->block);
            memset(l->block, l->mark, l->size);
            count++;
        }
        if (step % 100000 == 0) {
            assert_sound(count);
            high = 1 + random_next(&x) % LIVE; /* more live blocks, or fewer that change often */
        }
    }
    for (size_t i = 0; i < LIVE; i++)
        if (live[i].block) {
            live_check(&live[i]);
            block_free(live[i].block);
            live[i].block = NULL;
        }
    assert_sound(0);
}

static void ten_million_random_operations(void **state)
{
    static const uint64_t seeds[] = {1, 42, 20260101, 0x9e3779b97f4a7c15u, 777};

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        run_sequence(seeds[i], 2000000);
    block_trim();
    assert_int_equal(arenas_mapped(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mapping_may_fail),
        cmocka_unit_test(geometry_is_as_its_model),
        cmocka_unit_test(every_size_has_its_class),
        cmocka_unit_test(larger_sizes_are_passed_on),
        cmocka_unit_test(foreign_addresses_are_not_ours),
        cmocka_unit_test(a_pool_fills_and_empties),
        cmocka_unit_test(blocks_do_not_overlap),
        cmocka_unit_test(arenas_come_and_go),
        cmocka_unit_test(the_fullest_arena_serves_first),
        cmocka_unit_test(a_census_adds_up),
        cmocka_unit_test(nothing_goes_while_looked_at),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(ten_million_random_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
