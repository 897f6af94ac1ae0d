/* SPDX-License-Identifier: Apache-2.0 */
/* The table of live blocks, against a plain array of what should be in it. */
#include "src/host/model/livetable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PLACES 60000u

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Every second place a multiple of 16, the others odd addresses close by. */
static uint64_t address_of(uint32_t place)
{
    return UINT64_C(0x7f0000000000) + (uint64_t)place * 16 + (place & 1);
}

static struct livetable_block block_of(uint32_t place, uint64_t salt)
{
    return (struct livetable_block){.address = address_of(place),
                                    .size =
                                        salt % 7 == 0 ? (salt << 20) + UINT32_MAX : salt % 100000,
                                    .site = (uint32_t)salt | 1,
                                    .birth = (uint16_t)(salt >> 3)};
}

static void assert_same(const struct livetable_block *a, const struct livetable_block *b)
{
    assert_int_equal(a->address, b->address);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->site, b->site);
    assert_int_equal(a->birth, b->birth);
}

/* Puts, replacements, takes and misses in random order, growing and shrinking. */
static void test_random(void **unused)
{
    struct livetable_block *expected = calloc(PLACES, sizeof(*expected)), found;
    struct livetable t;
    uint64_t live = 0;

    (void)unused;
    assert_non_null(expected);
    livetable_init(&t);
    for (uint32_t step = 0; step < 1000000; step++) {
        uint32_t place = (uint32_t)(next() % PLACES);
        bool present = expected[place].address != 0;
        bool growing = step / 250000 % 2 == 0;

        if (next() % 10 < (growing ? 7u : 3u)) {
            struct livetable_block block = block_of(place, next() % 1000000);
            enum livetable_result result =
                livetable_put(&t, livetable_hash(block.address), &block, &found);

            assert_int_equal(result, present ? LIVETABLE_REPLACED : LIVETABLE_ADDED);
            if (present)
                assert_same(&found, &expected[place]);
            live += !present;
            expected[place] = block;
        } else {
            assert_int_equal(
                livetable_take(&t, livetable_hash(address_of(place)), address_of(place), &found),
                present);
            if (present)
                assert_same(&found, &expected[place]);
            live -= present;
            expected[place].address = 0;
        }
        assert_int_equal(t.count, live);
    }
    for (uint32_t place = 0; place < PLACES; place++) {
        bool present = expected[place].address != 0;

        assert_int_equal(livetable_find(&t, address_of(place), &found), present);
        if (present)
            assert_same(&found, &expected[place]);
    }
    livetable_release(&t);
    free(expected);
}

static void test_empty(void **unused)
{
    struct livetable t;
    struct livetable_block block;

    (void)unused;
    livetable_init(&t);
    assert_false(livetable_take(&t, livetable_hash(0x1000), 0x1000, &block));
    assert_false(livetable_find(&t, 0, &block));
    assert_int_equal(livetable_prefetch_more(&t, livetable_hash(0x1000), 0x1000), 0);
    assert_int_equal(livetable_memory(&t), 0);
    livetable_release(&t);
}

/* The address space's ends, and the sizes around where the side list begins. */
static void test_extremes(void **unused)
{
    const uint64_t sizes[] = {0, UINT32_MAX - 1, UINT32_MAX, (uint64_t)UINT32_MAX + 1,
                              UINT64_C(1) << 47};
    struct livetable t;
    struct livetable_block found;

    (void)unused;
    livetable_init(&t);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct livetable_block block = {
            .address = ((UINT64_C(1) << 48) - 1) >> i, .size = sizes[i], .site = 1};

        assert_int_equal(livetable_put(&t, livetable_hash(block.address), &block, &found),
                         LIVETABLE_ADDED);
        assert_true(livetable_find(&t, block.address, &found));
        assert_int_equal(found.size, sizes[i]);
    }
    livetable_release(&t);
}

/* At every size the table stays under so many bytes a block, as its shards do not grow at once. */
static void test_memory(void **unused)
{
    struct livetable t;
    struct livetable_block found;

    (void)unused;
    livetable_init(&t);
    for (uint64_t i = 1; i <= 3000000; i++) {
        struct livetable_block block = {.address = i * 32, .size = 32, .site = 1};

        assert_int_equal(livetable_put(&t, livetable_hash(block.address), &block, &found),
                         LIVETABLE_ADDED);
        if (i >= 500000 && i % 1000 == 0)
            assert_true(livetable_memory(&t) < (i < 1000000 ? 46 : 29) * i);
    }
    livetable_release(&t);
}

/* Few are left of many: memory goes back, and those are found. */
static void test_shrinking(void **unused)
{
    const uint32_t many = 400000, every = 5000;
    struct livetable_block block, found, old;
    struct livetable t;
    uint64_t full;

    (void)unused;
    livetable_init(&t);
    for (uint32_t i = 0; i < many; i++) {
        block = block_of(i, i);
        assert_int_equal(livetable_put(&t, livetable_hash(block.address), &block, &old),
                         LIVETABLE_ADDED);
    }
    full = livetable_memory(&t);
    for (uint32_t i = 0; i < many; i++)
        if (i % every)
            assert_true(livetable_take(&t, livetable_hash(address_of(i)), address_of(i), &found));
    assert_int_equal(t.count, many / every);
    assert_true(livetable_memory(&t) < full / 10);
    for (uint32_t i = 0; i < many; i++) {
        block = block_of(i, i);
        assert_int_equal(livetable_find(&t, block.address, &found), i % every == 0);
        if (i % every == 0)
            assert_same(&found, &block);
    }
    livetable_release(&t);
}

/* In the order in which they are given they go into a table that has room for them all. */
static void test_copying(void **unused)
{
    const uint32_t count = 50000;
    struct livetable from, to;
    struct livetable_position at = {0};
    struct livetable_block block, old;
    uint64_t memory;

    (void)unused;
    livetable_init(&from);
    livetable_init(&to);
    assert_false(livetable_next(&from, &at, &block));
    for (uint32_t i = 0; i < count; i++) {
        block = block_of(i, i + 1);
        assert_int_equal(livetable_put(&from, livetable_hash(block.address), &block, &old),
                         LIVETABLE_ADDED);
    }
    livetable_reserve(&to, from.count);
    memory = livetable_memory(&to);
    assert_in_range(memory, count * sizeof(struct livetable_entry),
                    2 * count * sizeof(struct livetable_entry));
    at = (struct livetable_position){0};
    while (livetable_next(&from, &at, &block))
        assert_int_equal(livetable_put(&to, livetable_hash(block.address), &block, &old),
                         LIVETABLE_ADDED);
    assert_int_equal(to.count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct livetable_block expected = block_of(i, i + 1);

        assert_true(livetable_find(&to, address_of(i), &block));
        assert_same(&block, &expected);
    }
    assert_in_range(livetable_memory(&to), memory, memory + to.big_room * sizeof(*to.big));
    livetable_release(&from);
    livetable_release(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),   cmocka_unit_test(test_empty),
        cmocka_unit_test(test_extremes), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_copying),  cmocka_unit_test(test_shrinking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
