// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct growth_limit limit(const char *text)
{
    struct growth_limit l;
    struct error e;

    if (growth_parse(&l, text, &e) != 0)
        fail_msg("%s: %s", text, e.text);
    return l;
}

static void limits_are_read(void **state)
{
    static const struct {
        const char *text;
        enum growth_kind kind;
        uint64_t value;
    } cases[] = {
        {"0", GROWTH_NUMBER, 0},
        {"1000", GROWTH_NUMBER, 1000},
        {"5%", GROWTH_SHARE, 5000000},
        {"0.5%", GROWTH_SHARE, 500000},
        {"0.000001%", GROWTH_SHARE, 1},
        {"12B", GROWTH_BYTES, 12},
        {"1k", GROWTH_BYTES, 1024},
        {"1KB", GROWTH_BYTES, 1024},
        {"1.5KiB", GROWTH_BYTES, 1536},
        {"1MiB", GROWTH_BYTES, 1u << 20},
        {"2g", GROWTH_BYTES, UINT64_C(2) << 30},
        {"1T", GROWTH_BYTES, UINT64_C(1) << 40},
        {"0.1K", GROWTH_BYTES, 102},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct growth_limit l = limit(cases[i].text);

        assert_int_equal(l.kind, cases[i].kind);
        assert_int_equal(l.value, cases[i].value);
    }
}

static void nonsense_is_refused(void **state)
{
    static const char *const cases[] = {
        "",           "%",    "-1", "+1", "1 MiB", "1XiB",  "1Mi", "1%%",        "five",
        "1e3",        "0x10", " 1", ".5", "1.2.3", "1KiBB", "B",   "0.0000001%", "99999999999999%",
        "9999999999T"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct growth_limit l;
        struct error e;

        if (growth_parse(&l, cases[i], &e) == 0)
            fail_msg("'%s' was taken for a limit", cases[i]);
        assert_int_equal(e.kind, ERROR_INPUT);
    }
}

static void exactly_at_the_limit_passes(void **state)
{
    struct growth_limit share = limit("5%"), bytes = limit("1K"), none = limit("0%");

    (void)state;
    assert_false(growth_exceeds(&share, 1000, 1050));
    assert_true(growth_exceeds(&share, 1000, 1051));
    assert_false(growth_exceeds(&bytes, 10, 1034));
    assert_true(growth_exceeds(&bytes, 10, 1035));
    assert_false(growth_exceeds(&none, 7, 7));
    assert_true(growth_exceeds(&none, 7, 8));
    assert_false(growth_exceeds(&bytes, 1000000, 0));
}

static void from_nothing_any_growth_is_over_any_share(void **state)
{
    struct growth_limit share = limit("1000000%"), bytes = limit("10");

    (void)state;
    assert_true(growth_exceeds(&share, 0, 1));
    assert_false(growth_exceeds(&share, 0, 0));
    assert_false(growth_exceeds(&bytes, 0, 10));
}

static void large_numbers_do_not_overflow(void **state)
{
    struct growth_limit share = limit("50%"), tiny = limit("0.000001%");
    uint64_t large = UINT64_C(1) << 62;

    (void)state;
    assert_false(growth_exceeds(&share, large, large + large / 2));
    assert_true(growth_exceeds(&share, large, large + large / 2 + 1));
    assert_true(growth_exceeds(&tiny, large, large + large / 1000));
    assert_false(growth_exceeds(&tiny, large, large + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(exactly_at_the_limit_passes),
        cmocka_unit_test(from_nothing_any_growth_is_over_any_share),
        cmocka_unit_test(large_numbers_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
