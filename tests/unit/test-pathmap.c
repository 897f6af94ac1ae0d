// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/pathmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_applied(const struct pathmap *m, const char *path, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out);
    strbuf_add(&out, "left from before");
    pathmap_apply(m, path, &out);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_release(&out);
}

static void folders_are_stripped(void **state)
{
    struct pathmap m;
    struct error e;

    (void)state;
    pathmap_init(&m);
    assert_applied(&m, "/src/app/x.c", "/src/app/x.c");
    assert_int_equal(pathmap_add_strip(&m, "/src/app/", &e), 0);
    assert_applied(&m, "/src/app/x.c", "x.c");
    assert_applied(&m, "/src/app//lib/x.c", "lib/x.c");
    assert_applied(&m, "/src/apple/x.c", "/src/apple/x.c");
    assert_applied(&m, "/src/ap", "/src/ap");
    assert_applied(&m, "/src/app", "/src/app");
    assert_applied(&m, "", "");
    assert_applied(&m, "x.c", "x.c");
    pathmap_release(&m);
}

static void the_longest_rule_is_applied_once(void **state)
{
    struct pathmap m;
    struct error e;

    (void)state;
    pathmap_init(&m);
    assert_int_equal(pathmap_add_rule(&m, "/build=/home", &e), 0);
    assert_int_equal(pathmap_add_rule(&m, "/build/app-1.0/=/src/", &e), 0);
    assert_int_equal(pathmap_add_rule(&m, "/home=/never", &e), 0);
    assert_int_equal(pathmap_add_rule(&m, "/gone=", &e), 0);
    assert_applied(&m, "/build/app-1.0/a/x.c", "/src/a/x.c");
    assert_applied(&m, "/build/app-1.1/x.c", "/home/app-1.1/x.c");
    assert_applied(&m, "/build", "/home");
    assert_applied(&m, "/gone/x.c", "x.c");
    pathmap_release(&m);
}

static void the_root_is_a_folder(void **state)
{
    struct pathmap m;
    struct error e;

    (void)state;
    pathmap_init(&m);
    assert_int_equal(pathmap_add_rule(&m, "/=/sysroot", &e), 0);
    assert_applied(&m, "/usr/x.c", "/sysroot/usr/x.c");
    assert_int_equal(pathmap_add_rule(&m, "/usr=/", &e), 0);
    assert_applied(&m, "/usr/x.c", "/x.c");
    pathmap_release(&m);
}

static void rules_that_say_nothing_are_refused(void **state)
{
    struct pathmap m;
    struct error e;

    (void)state;
    pathmap_init(&m);
    assert_int_equal(pathmap_add_strip(&m, "", &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(pathmap_add_rule(&m, "/src", &e), -1);
    assert_int_equal(pathmap_add_rule(&m, "=/src", &e), -1);
    assert_int_equal(m.count, 0);
    pathmap_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_stripped),
        cmocka_unit_test(the_longest_rule_is_applied_once),
        cmocka_unit_test(the_root_is_a_folder),
        cmocka_unit_test(rules_that_say_nothing_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
