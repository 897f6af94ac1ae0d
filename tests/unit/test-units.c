// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bytes_take_the_largest_unit(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},
                 {1, "1 B"},
                 {1023, "1,023 B"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {102348, "99.9 KiB"},
                 {102399, "100 KiB"},
                 {192512, "188 KiB"},
                 {1048063, "1023 KiB"},
                 {1048064, "1.0 MiB"}, /* not 1024 KiB */
                 {1048576, "1.0 MiB"},
                 {92694118, "88.4 MiB"},
                 {2040109465, "1.9 GiB"},
                 {UINT64_C(1) << 40, "1.0 TiB"},
                 {UINT64_MAX, "16777216 TiB"}};
    char text[UNITS_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(units_bytes(text, cases[i].bytes, false), cases[i].text);
}

static void exact_bytes_keep_every_digit(void **state)
{
    char text[UNITS_TEXT];

    (void)state;
    assert_string_equal(units_bytes(text, 1258291, true), "1,258,291 B");
    assert_string_equal(units_bytes(text, UINT64_MAX, true), "18,446,744,073,709,551,615 B");
}

static void counts_have_their_thousands_separated(void **state)
{
    char text[UNITS_TEXT];

    (void)state;
    assert_string_equal(units_count(text, 0), "0");
    assert_string_equal(units_count(text, 999), "999");
    assert_string_equal(units_count(text, 1000), "1,000");
    assert_string_equal(units_count(text, 1521714), "1,521,714");
}

static void a_share_is_zero_of_nothing_only(void **state)
{
    char text[UNITS_TEXT];

    (void)state;
    assert_string_equal(units_share(text, 692, 1000), "69.2 %");
    assert_string_equal(units_share(text, 1, 1000000), "<0.1 %");
    assert_string_equal(units_share(text, 0, 1000000), "0.0 %");
    assert_string_equal(units_share(text, 5, 5), "100.0 %");
    assert_string_equal(units_share(text, 0, 0), "0.0 %");
}

static void seconds_lose_decimals_when_many(void **state)
{
    char text[UNITS_TEXT];

    (void)state;
    assert_string_equal(units_seconds(text, 0.434), "0.43 s");
    assert_string_equal(units_seconds(text, 99.999), "100 s");
    assert_string_equal(units_seconds(text, 3725.4), "3725 s");
    assert_string_equal(units_time(text, 0.0312), "0.031 s");
    assert_string_equal(units_time(text, 0), "0.000 s");
    assert_string_equal(units_time(text, 9.9996), "10.00 s");
    assert_string_equal(units_time(text, 12.345), "12.35 s");
}

static void sizes_are_read_with_their_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"12B", 12},
        {"4K", 4096},
        {"4KiB", 4096},
        {"4 kib", 4096},
        {"1.5MiB", 1536 * 1024},
        {"0.25g", 256 << 20},
        {"2T", UINT64_C(2) << 40},
        {"9223372036854775808", UINT64_C(1) << 63},
    };
    static const char *const wrong[] = {
        "",
        "K",
        "-1",
        "1.5",
        "1.K",
        ".5K",
        "4KB",
        "4X",
        "4K ",
        "4Kx",
        "12BiB",
        "0x10",
        "9000000T",
        "9223372036854775809",
        "99999999999999999999",
        "1e3",
    };
    uint64_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(units_parse_bytes(cases[i].text, &bytes));
        assert_int_equal(bytes, cases[i].bytes);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (units_parse_bytes(wrong[i], &bytes))
            fail_msg("'%s' is taken for %llu bytes", wrong[i], (unsigned long long)bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_take_the_largest_unit),
        cmocka_unit_test(exact_bytes_keep_every_digit),
        cmocka_unit_test(counts_have_their_thousands_separated),
        cmocka_unit_test(a_share_is_zero_of_nothing_only),
        cmocka_unit_test(seconds_lose_decimals_when_many),
        cmocka_unit_test(sizes_are_read_with_their_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
