/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pools of this process, read as another one's, against what it says itself.
 */
#include "src/host/pools/poolstate.h"
#include "src/shared/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t state_address(void)
{
    return (uint64_t)(uintptr_t)&arena_state;
}

static void assert_same_as_own(void)
{
    struct census own, read;
    struct error e = {0};

    census_take(&own);
    assert_int_equal(poolstate_read(getpid(), state_address(), &read, NULL, &e), 0);
    assert_memory_equal(&own, &read, sizeof(own));
}

static void the_state_is_read(void **state)
{
    enum { COUNT = 60000 };
    static void *blocks[COUNT];
    struct census read;
    struct error e;

    (void)state;
    assert_int_equal(poolstate_read(getpid(), state_address(), &read, NULL, &e), 0);
    assert_int_equal(read.seen, 0);
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_alloc(1 + (size_t)i * 7 % BLOCK_LARGEST);
    assert_same_as_own();
    assert_int_equal(poolstate_read(getpid(), state_address(), &read, NULL, &e), 0);
    assert_true(read.seen >= 10 && read.used_bytes > (uint64_t)COUNT * 200);
    for (int i = 0; i < COUNT; i += 3)
        block_free(blocks[i]);
    assert_same_as_own();
    for (int i = 0; i < COUNT; i++)
        if (i % 3)
            block_free(blocks[i]);
    assert_same_as_own();
    block_trim();
    assert_same_as_own();
}

/* A page of descriptors that are all zero. */
static struct arena_page *make_page(uint32_t count)
{
    struct arena_page *page = calloc(1, sizeof(*page) + 2 * sizeof(page->arenas[0]));

    assert_non_null(page);
    page->count = count;
    return page;
}

static void assert_nonsense(struct arena_page *page)
{
    struct arena_state false_state;
    struct census read;
    struct error e = {.kind = ERROR_NONE};

    memset(&false_state, 0, sizeof(false_state));
    atomic_store(&false_state.pages, page);
    assert_int_equal(poolstate_read(getpid(), (uint64_t)(uintptr_t)&false_state, &read, NULL, &e),
                     -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_int_equal(read.seen, 0);
}

static void what_cannot_be_read_is_said(void **state)
{
    struct arena_page *empty = make_page(0), *loop = make_page(2);
    struct census read;
    struct error e = {.kind = ERROR_NONE};

    (void)state;
    assert_int_equal(poolstate_read(getpid(), 16, &read, NULL, &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_nonsense(empty);
    /* a list that leads back to itself, with arenas that are none */
    atomic_store(&loop->next, loop);
    atomic_store(&loop->arenas[0].base, (char *)ARENA_BYTES);
    atomic_store(&loop->arenas[0].opened, 1);
    atomic_store(&loop->arenas[1].base, (char *)17);
    assert_nonsense(loop);
    free(empty);
    free(loop);
}

/* Row for row what the census adds up; and none of too many. */
static void the_pools_are_told_one_by_one(void **state)
{
    struct poolstate_rows rows = {.most = 1u << 20};
    struct census read;
    struct error e = {0};
    void *blocks[2000];
    uint64_t used[POOL_CLASSES] = {0}, pools[POOL_CLASSES] = {0};

    (void)state;
    for (size_t i = 0; i < 2000; i++)
        assert_non_null(blocks[i] = block_alloc(1 + i % 512));
    assert_int_equal(poolstate_read(getpid(), state_address(), &read, &rows, &e), 0);
    assert_false(rows.too_many);
    for (uint32_t i = 0; i < rows.count; i++) {
        assert_int_equal(rows.pools[i].address % POOL_BYTES, 0);
        used[rows.pools[i].size_class] += rows.pools[i].used;
        pools[rows.pools[i].size_class]++;
    }
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        assert_int_equal(used[i], read.classes[i].used);
        assert_int_equal(pools[i], read.classes[i].pools);
    }
    free(rows.pools);
    rows = (struct poolstate_rows){.most = 0};
    assert_int_equal(poolstate_read(getpid(), state_address(), &read, &rows, &e), 0);
    assert_true(rows.too_many);
    assert_int_equal(rows.count, 0);
    free(rows.pools);
    for (size_t i = 0; i < 2000; i++)
        block_free(blocks[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_read),
        cmocka_unit_test(the_pools_are_told_one_by_one),
        cmocka_unit_test(what_cannot_be_read_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
