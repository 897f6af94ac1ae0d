// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/rangemap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void an_empty_map_finds_nothing(void **state)
{
    struct rangemap m;

    (void)state;
    rangemap_init(&m);
    assert_int_equal(rangemap_seal(&m), 0);
    assert_null(rangemap_find(&m, 0, NULL));
    assert_null(rangemap_find(&m, UINT64_MAX, NULL));
    rangemap_release(&m);
}

static void ends_are_exclusive_and_empty_ranges_ignored(void **state)
{
    struct rangemap m;

    (void)state;
    rangemap_init(&m);
    assert_int_equal(rangemap_add(&m, 10, 20, 1), 0);
    assert_int_equal(rangemap_add(&m, 15, 15, 2), 0);
    assert_int_equal(rangemap_add(&m, 30, 12, 3), 0);
    assert_int_equal(rangemap_seal(&m), 0);
    assert_int_equal(m.count, 1);
    assert_null(rangemap_find(&m, 9, NULL));
    assert_int_equal(rangemap_find(&m, 10, NULL)->value, 1);
    assert_int_equal(rangemap_find(&m, 19, NULL)->value, 1);
    assert_null(rangemap_find(&m, 20, NULL));
    rangemap_release(&m);
}

static void nested_ranges_come_innermost_first(void **state)
{
    struct rangemap m;
    const struct range *r;

    (void)state;
    rangemap_init(&m);
    rangemap_add(&m, 0, 100, 7);
    rangemap_add(&m, 40, 60, 9);
    rangemap_add(&m, 40, 50, 8);
    rangemap_add(&m, 41, 43, 3);
    rangemap_seal(&m);
    r = rangemap_find(&m, 45, NULL);
    assert_int_equal(r->value, 9);
    r = rangemap_find(&m, 45, r);
    assert_int_equal(r->value, 8);
    r = rangemap_find(&m, 45, r);
    assert_int_equal(r->value, 7);
    assert_null(rangemap_find(&m, 45, r));
    rangemap_release(&m);
}

/* Against the obvious search, on ranges of every kind of overlap. */
static void agrees_with_a_linear_search(void **state)
{
    struct rangemap m;
    uint64_t low[200], high[200];

    (void)state;
    srand(1);
    rangemap_init(&m);
    for (uint32_t i = 0; i < 200; i++) {
        low[i] = (uint64_t)(rand() % 1000);
        high[i] = low[i] + (uint64_t)(rand() % (i % 10 ? 20 : 500));
        assert_int_equal(rangemap_add(&m, low[i], high[i], i), 0);
    }
    assert_int_equal(rangemap_seal(&m), 0);
    for (uint64_t at = 0; at < 1600; at++) {
        size_t expected = 0, found = 0;

        for (uint32_t i = 0; i < 200; i++)
            expected += low[i] <= at && at < high[i];
        for (const struct range *r = NULL; (r = rangemap_find(&m, at, r));) {
            assert_true(r->low <= at && at < r->high);
            found++;
        }
        assert_int_equal(found, expected);
    }
    rangemap_release(&m);
}

/* Enough for the radix sort, over little and over all of the address space, with many ties. */
static void many_ranges_are_in_order(void **state)
{
    static const uint64_t spans[] = {1, 100, UINT64_C(1) << 11, UINT64_C(1) << 30, UINT64_MAX};

    (void)state;
    for (size_t s = 0; s < sizeof spans / sizeof *spans; s++) {
        uint64_t random = s, sum = 0;
        struct rangemap m;

        rangemap_init(&m);
        for (uint32_t i = 0; i < 5000; i++) {
            uint64_t low;

            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            low = (random ^ random >> 32) % spans[s] + (s == 3 ? UINT64_C(0x7f0000000000) : 0);
            assert_int_equal(rangemap_add(&m, low, low + 1, random >> 40 & 0xff), 0);
            sum += m.ranges[m.count - 1].low * 3 + m.ranges[m.count - 1].value;
        }
        assert_int_equal(rangemap_seal(&m), 0);
        for (size_t i = 0; i < m.count; i++) {
            const struct range *r = &m.ranges[i];

            sum -= r->low * 3 + r->value;
            assert_int_equal(r->high, r->low + 1);
            assert_true(i == 0 || r[-1].low < r->low ||
                        (r[-1].low == r->low && r[-1].value <= r->value));
        }
        assert_int_equal(sum, 0); /* the same ranges as before */
        rangemap_release(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_nothing),
        cmocka_unit_test(ends_are_exclusive_and_empty_ranges_ignored),
        cmocka_unit_test(nested_ranges_come_innermost_first),
        cmocka_unit_test(agrees_with_a_linear_search),
        cmocka_unit_test(many_ranges_are_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
