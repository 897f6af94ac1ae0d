// SPDX-License-Identifier: Apache-2.0
/* The live blocks in order of their addresses, against the model they were taken from. */
#include "src/host/search/leaklive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 1100000u /* two threads take them */

static struct model model;
static struct collector collector;
static struct stream stream;

static uint64_t random_state = 88172645463325252u;

static uint64_t next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int set_up(void **state)
{
    (void)state;
    memset(&collector, 0, sizeof collector);
    memset(&stream, 0, sizeof stream);
    model_init(&model, 1000, 0, 1000);
    collector.model = &model;
    collector.streams = &stream;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    model_release(&model);
    return 0;
}

static void put(uint64_t address, uint64_t size, uint32_t site, uint16_t birth)
{
    struct livetable_block b = {.address = address, .size = size, .site = site, .birth = birth},
                           old;

    assert_int_not_equal(livetable_put(&model.live, livetable_hash(address), &b, &old),
                         LIVETABLE_NO_MEMORY);
}

/* All that the model has is in the graph, ascending, with what the model says of it. */
static void compare(const struct leakgraph *g)
{
    struct livetable_block b;

    assert_int_equal(g->count, model.live.count);
    for (uint32_t i = 0; i < g->count; i++) {
        assert_true(i == 0 || g->blocks[i].address > g->blocks[i - 1].address);
        assert_true(livetable_find(&model.live, g->blocks[i].address, &b));
        assert_int_equal(leakgraph_size(g, i), b.size);
        assert_int_equal(leaklive_site(g, i), b.site - 1);
        assert_int_equal(leaklive_birth(g, i), b.birth);
    }
}

static void take_and_compare(void)
{
    const struct leakgraph_reader nothing = {NULL, NULL};
    struct leakgraph_options options;
    struct leaklive l;
    struct leakgraph g;

    leakgraph_options_init(&options);
    leakgraph_init(&g, &nothing, &options);
    assert_int_equal(leaklive_take(&l, &collector, NULL, NULL), 0);
    assert_true(leaklive_memory(&l) >= 16 * model.live.count);
    assert_int_equal(leaklive_sort(&l, &g, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    compare(&g);
    leakgraph_release(&g);
    leaklive_release(&l);
}

static void no_block_is_no_slot(void **state)
{
    (void)state;
    take_and_compare();
}

static void few_and_many_blocks_are_sorted(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 100000; count *= 10) {
        for (uint32_t i = 0; i < count; i++)
            put(UINT64_C(0x550000000000) + next() % 3000000 * 16, 1 + next() % 16,
                1 + (uint32_t)(next() % 1000), (uint16_t)next());
        take_and_compare();
    }
}

static void two_threads_take_what_one_would(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++)
        put((i % 3 ? UINT64_C(0x7f0000000000) : UINT64_C(0x550000000000)) + next() % 20000000 * 8,
            next() % 8, 1 + i % 77, (uint16_t)i);
    take_and_compare();
}

static void slots_know_what_reaches_into_them(void **state)
{
    const uint64_t slot = UINT64_C(1) << LEAKLIVE_SLOT_BITS, base = UINT64_C(0x550000000000);
    struct leaklive l;

    (void)state;
    put(base + 64, 5 * slot, 1, 0); /* into the sixth */
    put(base + 7 * slot + 16, 32, 1, 0);
    put(base + 6 * slot, 16, 1, 0);
    put(base + 8 * slot, UINT64_C(5) << 32, 1, 0);
    assert_int_equal(leaklive_take(&l, &collector, NULL, NULL), 0);
    assert_int_equal(l.slot_count, 4);
    assert_int_equal(leaklive_slot_at(&l, base / slot + 1), 1);
    assert_int_equal(leaklive_slot_at(&l, base / slot + 9), 4);
    assert_int_equal(l.slots[0].start, base + 64);
    assert_int_equal(l.slots[0].reach, 0);
    assert_int_equal(l.slots[1].number, base / slot + 6);
    assert_int_equal(l.slots[1].reach, base + 64 + 5 * slot);
    assert_int_equal(l.slots[2].reach, base + 6 * slot + 16);
    assert_int_equal(l.slots[3].end, base + 8 * slot + (UINT64_C(5) << 32));
    assert_int_equal(leaklive_largest_slot(&l), 1);
    leaklive_release(&l);
}

/* Through the model, which then knows the site. */
static void allocate(uint64_t address, uint64_t size, uint32_t stack)
{
    static struct model_thread thread;
    struct model_event e = {.word0 = address | (uint64_t)RECORD_ALLOC << RECORD_KIND_SHIFT,
                            .rest = {size | (uint64_t)stack << 32},
                            .thread = &thread,
                            .time = 1};

    thread.row = threads_add(&model.threads, 1, "test");
    model_apply(&model, &e, 1);
}

/* What a realloc holds is a block; if the model has one at its address, that one counts. */
static void what_a_realloc_holds_is_among_them(void **state)
{
    const struct leakgraph_reader nothing = {NULL, NULL};
    struct leakgraph_options options;
    struct leaklive l;
    struct leakgraph g;

    (void)state;
    leakgraph_options_init(&options);
    allocate(UINT64_C(0x550000000000), 16, 5);
    allocate(UINT64_C(0x550000000020), 16, 6);
    assert_int_equal(model.live.count, 2);
    for (int again = 0; again < 2; again++) {
        leakgraph_init(&g, &nothing, &options);
        collector.used = collector.open = 1;
        stream.open = true;
        stream.thread.holds = true;
        stream.thread.held_clears = model.clears;
        stream.thread.held = (struct livetable_block){
            .address = UINT64_C(0x550000000040), .size = 48, .site = 1, .birth = 9};
        if (again)
            put(UINT64_C(0x550000000040), 32, 2, 0);
        assert_int_equal(leaklive_take(&l, &collector, NULL, NULL), 0);
        assert_int_equal(leaklive_sort(&l, &g, NULL), 0);
        assert_int_equal(leakgraph_seal(&g, NULL), 0);
        assert_int_equal(g.count, 3);
        assert_int_equal(leakgraph_size(&g, 2), again ? 32 : 48);
        assert_int_equal(leaklive_site(&g, 2), again ? 1 : 0);
        leakgraph_release(&g);
        leaklive_release(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_block_is_no_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(few_and_many_blocks_are_sorted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_threads_take_what_one_would, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slots_know_what_reaches_into_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_realloc_holds_is_among_them, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
