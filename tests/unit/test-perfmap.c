// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/perfmap.h"

#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void names_are_found_with_their_start(void **state)
{
    struct perfmap p;
    uint64_t start = 0;

    fixture_write(*state, "map", "1000 20 alpha\n2000 10 LazyCompile:*f g.js:3\n");
    assert_int_equal(perfmap_read(&p, fixture_path(*state, "map")), 0);
    assert_string_equal(perfmap_find(&p, 0x101f, &start), "alpha");
    assert_int_equal(start, 0x1000);
    assert_null(perfmap_find(&p, 0x1020, &start));
    assert_null(perfmap_find(&p, 0xfff, &start));
    assert_string_equal(perfmap_find(&p, 0x2000, &start), "LazyCompile:*f g.js:3");
    perfmap_release(&p);
}

static void the_last_entry_wins_where_code_was_replaced(void **state)
{
    struct perfmap p;
    uint64_t start;

    fixture_write(*state, "map", "1000 100 old\n1800 10 other\n0f00 200 new\n");
    assert_int_equal(perfmap_read(&p, fixture_path(*state, "map")), 0);
    assert_string_equal(perfmap_find(&p, 0x1080, &start), "new");
    assert_string_equal(perfmap_find(&p, 0x1808, &start), "other");
    perfmap_release(&p);
}

static void damaged_lines_are_skipped(void **state)
{
    struct perfmap p;
    uint64_t start;

    fixture_write(*state, "map",
                  "\n \nzz 10 a\n1000\n1000 10\n1000 10 \n-1000 10 b\n0x1000 10 c\n"
                  "ffffffffffffffff 10 d\n11111111111111111 10 e\n3000 10 good\n4000 10 cut-of");
    assert_int_equal(perfmap_read(&p, fixture_path(*state, "map")), 0);
    assert_string_equal(perfmap_find(&p, 0x3008, &start), "good");
    assert_null(perfmap_find(&p, 0x1008, &start));
    assert_null(perfmap_find(&p, 0x4008, &start));
    assert_int_equal(p.map.count, 1);
    perfmap_release(&p);
}

static void only_a_plain_file_is_read(void **state)
{
    struct fixture *f = *state;
    struct perfmap p;
    char target[256];

    assert_int_equal(perfmap_read(&p, fixture_path(f, "absent")), -1);
    assert_int_equal(perfmap_read(&p, f->folder), -1);
    fixture_write(f, "map", "1000 20 alpha\n");
    snprintf(target, sizeof target, "%s", fixture_path(f, "map"));
    assert_int_equal(symlink(target, fixture_path(f, "link")), 0);
    assert_int_equal(perfmap_read(&p, fixture_path(f, "link")), -1);
    assert_int_equal(mkfifo(fixture_path(f, "fifo"), 0600), 0);
    assert_int_equal(perfmap_read(&p, fixture_path(f, "fifo")), -1);
    perfmap_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_found_with_their_start, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_last_entry_wins_where_code_was_replaced, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(damaged_lines_are_skipped, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(only_a_plain_file_is_read, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
