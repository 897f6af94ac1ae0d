// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_new_profile_is_empty(void **state)
{
    struct profile p;

    (void)state;
    profile_init(&p);
    assert_int_equal(p.node_count, 0);
    assert_int_equal(p.incomplete, false);
    assert_string_equal(profile_text(&p, 0), "");
    assert_string_equal(profile_text(&p, 99), "");
    profile_release(&p);
}

static void release_empties_and_may_be_repeated(void **state)
{
    struct profile p;

    (void)state;
    profile_init(&p);
    p.process.program = strings_add(&p.strings, "sqlite3");
    p.nodes = calloc(3, sizeof *p.nodes);
    p.node_count = 3;
    assert_string_equal(profile_text(&p, p.process.program), "sqlite3");
    profile_release(&p);
    assert_null(p.nodes);
    assert_int_equal(p.node_count, 0);
    assert_int_equal(p.process.program, 0);
    profile_release(&p);
    profile_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_profile_is_empty),
        cmocka_unit_test(release_empties_and_may_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
