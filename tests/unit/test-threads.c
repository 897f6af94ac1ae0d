/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_names(void **unused)
{
    struct threads t;
    uint32_t row;

    (void)unused;
    threads_init(&t);
    row = threads_add(&t, 17, "worker");
    assert_int_equal(t.rows[row].tid, 17);
    assert_string_equal(t.rows[row].name, "worker");
    threads_rename(&t, row, "a name of more than 15 bytes");
    assert_string_equal(t.rows[row].name, "a name of more ");
    assert_int_not_equal(threads_add(&t, 17, "worker"), row);
    threads_release(&t);
}

/* Beyond the limit threads share rows by name, and names are limited too. */
static void test_folding(void **unused)
{
    struct threads t;
    uint32_t http, last;
    char name[16];

    (void)unused;
    threads_init(&t);
    for (uint32_t i = 0; i < THREADS_MAX; i++)
        threads_add(&t, 100 + i, "single");
    assert_int_equal(t.count, THREADS_MAX);
    http = threads_add(&t, 90000, "http");
    assert_int_equal(t.rows[http].tid, 0);
    assert_int_equal(threads_add(&t, 90001, "http"), http);
    threads_rename(&t, http, "other");
    assert_string_equal(t.rows[http].name, "http");
    for (uint32_t i = 0; i < 2 * THREADS_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "name-%u", i);
        last = threads_add(&t, 91000 + i, name);
    }
    assert_string_equal(t.rows[last].name, "");
    assert_int_equal(t.count, THREADS_MAX + THREADS_NAMES_MAX + 1);
    assert_int_equal(threads_add(&t, 99999, "http"), http);
    threads_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_folding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
