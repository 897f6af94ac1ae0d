// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/strings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct strings *s = malloc(sizeof *s);

    if (!s)
        return -1;
    strings_init(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    strings_release(*state);
    free(*state);
    return 0;
}

static void an_empty_table_answers(void **state)
{
    struct strings *s = *state;

    assert_string_equal(strings_get(s, 0), "");
    assert_string_equal(strings_get(s, 17), "");
    assert_int_equal(strings_add(s, ""), 0);
    assert_string_equal(strings_get(s, 0), "");
    assert_int_equal(s->count, 1);
}

static void equal_strings_share_an_id(void **state)
{
    struct strings *s = *state;
    uint32_t one = strings_add(s, "malloc");
    uint32_t two = strings_add(s, "calloc");

    assert_int_equal(one, 1);
    assert_int_equal(two, 2);
    assert_int_equal(strings_add(s, "malloc"), one);
    assert_int_equal(strings_add_length(s, "mallocator", 6), one);
    assert_int_equal(strings_add_length(s, "malloc\0tail", 11), one);
    assert_int_equal(strings_add_length(s, "mallo", 5), 3);
    assert_string_equal(strings_get(s, one), "malloc");
}

static void many_strings_survive_growth(void **state)
{
    struct strings *s = *state;
    char text[64];

    for (uint32_t i = 1; i <= 100000; i++) {
        snprintf(text, sizeof text, "function_%u(int)", i);
        assert_int_equal(strings_add(s, text), i);
    }
    for (uint32_t i = 1; i <= 100000; i += 7) {
        snprintf(text, sizeof text, "function_%u(int)", i);
        assert_string_equal(strings_get(s, i), text);
        assert_int_equal(strings_add(s, text), i);
    }
    assert_int_equal(s->count, 100001);
}

static char *duplicate(const char *bytes, size_t size)
{
    char *copy = malloc(size);

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    return copy;
}

static void an_adopted_table_reads_and_grows(void **state)
{
    struct strings *s = *state;
    static const char bytes[] = "\0one\0two\0\0three";

    assert_int_equal(strings_adopt(s, duplicate(bytes, sizeof bytes), sizeof bytes), 0);
    assert_int_equal(s->count, 5);
    assert_string_equal(strings_get(s, 2), "two");
    assert_string_equal(strings_get(s, 3), "");
    assert_string_equal(strings_get(s, 4), "three");
    assert_int_equal(strings_add(s, "two"), 2);
    assert_int_equal(strings_add(s, ""), 0);
    assert_int_equal(strings_add(s, "four"), 5);
    assert_string_equal(strings_get(s, 5), "four");
    assert_string_equal(strings_get(s, 4), "three");
}

/* A million times one text, as only a hostile file has it, is no long search. */
static void repeated_strings_are_indexed_once(void **state)
{
    struct strings *s = *state;
    size_t size = 2000000;
    char *bytes = calloc(1, size);

    assert_non_null(bytes);
    for (size_t i = 1; i + 1 < size; i += 2)
        bytes[i] = 'x';
    bytes[size - 1] = '\0';
    assert_int_equal(strings_adopt(s, bytes, size), 0);
    assert_int_equal(strings_add(s, "x"), 1);
    assert_int_equal(strings_add(s, "y"), size / 2 + 1);
}

static void a_malformed_table_is_refused(void **state)
{
    struct strings *s = *state;
    char *bytes = duplicate("\0one\0two", 9);

    assert_int_equal(strings_adopt(s, bytes, 0), -1);
    assert_int_equal(strings_adopt(s, bytes, 8), -1);
    assert_int_equal(strings_adopt(s, bytes + 1, 8), -1);
    assert_int_equal(s->count, 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_table_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_strings_share_an_id, setup, teardown),
        cmocka_unit_test_setup_teardown(many_strings_survive_growth, setup, teardown),
        cmocka_unit_test_setup_teardown(an_adopted_table_reads_and_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(a_malformed_table_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(repeated_strings_are_indexed_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
