// SPDX-License-Identifier: Apache-2.0
#include "src/shared/ownrange.h"
#include "tests/unit/segment-maker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define THREADS 4u
#define EACH 200u

static struct segment segment;

static int set_up(void **state)
{
    struct segment_settings settings = {0};

    (void)state;
    if (make_segment(&segment, 8, &settings) != 0)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return drop_segment(&segment);
}

static const void *page(uint64_t n)
{
    return (const void *)(uintptr_t)(n * 4096);
}

static uint32_t count_all(uint64_t *bytes)
{
    uint32_t at = 0, count = 0;
    uint64_t start, end;

    *bytes = 0;
    while (own_range_next(&segment, &at, &start, &end)) {
        count++;
        *bytes += end - start;
    }
    return count;
}

static void ranges_come_and_go(void **state)
{
    uint64_t start = 0, end = 0, bytes;
    uint32_t at = 0;

    (void)state;
    assert_int_equal(count_all(&bytes), 0);
    assert_true(own_range_add(&segment, page(5), 8192));
    assert_true(own_range_add(&segment, page(9), 4096));
    assert_int_equal(count_all(&bytes), 2);
    assert_int_equal(bytes, 12288);
    own_range_remove(&segment, page(5));
    own_range_remove(&segment, page(6)); /* not there */
    assert_true(own_range_next(&segment, &at, &start, &end));
    assert_int_equal(start, 9 * 4096);
    assert_int_equal(end, 10 * 4096);
    assert_false(own_range_next(&segment, &at, &start, &end));
    assert_true(own_range_add(&segment, page(7), 4096));
    assert_int_equal(segment_header(&segment)->own_ranges_used, 2); /* the first place again */
}

static void a_full_table_says_so(void **state)
{
    uint64_t bytes;
    uint32_t max = segment.layout.own_ranges_max;

    (void)state;
    for (uint32_t i = 0; i < max; i++)
        assert_true(own_range_add(&segment, page(i + 1), 4096));
    assert_false(own_range_add(&segment, page(max + 1), 4096));
    assert_int_equal(count_all(&bytes), max);
    own_range_remove(&segment, page(max));
    assert_true(own_range_add(&segment, page(max + 2), 4096));
}

/* What the target wrote is not trusted. */
static void nonsense_is_left_out(void **state)
{
    uint64_t bytes;

    (void)state;
    assert_true(own_range_add(&segment, page(3), 4096));
    segment_own_range(&segment, 0)->end = 12;
    segment_header(&segment)->own_ranges_used = UINT32_MAX;
    assert_int_equal(count_all(&bytes), 0);
}

static void *add_and_remove(void *argument)
{
    uint64_t base = (uintptr_t)argument * EACH * 2;

    for (uint64_t i = 1; i <= EACH; i++)
        assert_true(own_range_add(&segment, page(base + i), 4096));
    for (uint64_t i = 1; i <= EACH; i += 2)
        own_range_remove(&segment, page(base + i));
    return NULL;
}

static void threads_do_not_lose_ranges(void **state)
{
    pthread_t threads[THREADS];
    uint64_t bytes;

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_and_remove, (void *)i), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(count_all(&bytes), THREADS * EACH / 2);
    assert_int_equal(bytes, THREADS * EACH / 2 * 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ranges_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_table_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_do_not_lose_ranges, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
