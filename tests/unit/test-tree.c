/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/tree.h"

#include "src/host/report/report-tree.h"
#include "src/shared/record.h"
#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* sh, which forks itself twice; the first child executes cc and that executes cc1; then ls. */
static void grow(struct tree *t)
{
    tree_init(t);
    assert_int_equal(tree_add(t, 0, 10, false, "sh"), 0);
    assert_int_equal(tree_add(t, 1, 11, true, "sh"), 1);
    assert_int_equal(tree_add(t, 1, 12, true, "sh"), 2);
    assert_int_equal(tree_add(t, 2, 11, false, "cc"), 3);
    assert_int_equal(tree_add(t, 4, 13, false, "cc1"), 4);
    assert_int_equal(tree_add(t, 3, 12, false, "ls\033[2J"), 5);
}

static void test_order(void **unused)
{
    static const uint32_t wanted[] = {0, 1, 3, 4, 2, 5}, depths[] = {0, 1, 1, 1, 2, 1};
    uint32_t order[6], depth[6];
    struct tree t;

    (void)unused;
    grow(&t);
    assert_int_equal(tree_order(&t, order, depth), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(order[i], wanted[i]);
        assert_int_equal(depth[i], depths[i]);
    }
    assert_int_equal(tree_processes(&t), 4);
    assert_int_equal(tree_leaking(&t), 0);
    t.rows[4].lost_blocks = 2;
    assert_int_equal(tree_leaking(&t), 1);
    tree_release(&t);
}

/* What was not executed after all is in the file, so that the numbers of others hold, and nowhere
 * else. */
static void test_withdrawn(void **state)
{
    static const uint32_t wanted[] = {0, 1, 4, 2, 5};
    struct fixture *f = *state;
    uint32_t order[6], depth[6];
    struct tree t, back;
    struct error e = {0};

    grow(&t);
    assert_int_equal(tree_open(&t, f->folder, &e), 0);
    assert_int_equal(tree_images(&t), 6);
    t.rows[3].withdrawn = true;
    tree_write(&t, 3);
    assert_int_equal(tree_read(&back, f->folder, &e), 0);
    assert_int_equal(back.count, 6);
    assert_int_equal(tree_images(&back), 5);
    assert_int_equal(tree_processes(&back), 4);
    tree_release(&back);
    assert_int_equal(tree_order(&t, order, depth), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(order[i], wanted[i]);
    tree_unlink(&t, f->folder);
    assert_int_equal(tree_read(&back, f->folder, &e), -1);
    tree_write(&t, 3);
    assert_int_equal(t.trouble.kind, ERROR_NONE);
    tree_release(&t);
}

static void test_parent_unknown(void **unused)
{
    struct tree t;

    (void)unused;
    tree_init(&t);
    assert_int_equal(tree_add(&t, 7, 10, false, "a"), 0);
    assert_int_equal(t.rows[0].from, 0);
    tree_release(&t);
}

static void test_unfollowed(void **unused)
{
    struct profile p = {.loss.forked_children = 2};
    char *reason = NULL;

    (void)unused;
    tree_note_unfollowed(&reason, FOLLOW_EXEC, &p);
    assert_null(reason);
    assert_true(tree_append(&reason, "late"));
    tree_note_unfollowed(&reason, FOLLOW_ALL, &p);
    assert_string_equal(reason, "late; 2 processes or programs that it started are not recorded: "
                                "memprof could not be reached from there, or the environment "
                                "had no room");
    p.loss.forked_children = 0;
    assert_true(tree_set(&reason, NULL));
    tree_note_unfollowed(&reason, FOLLOW_ALL, &p);
    assert_null(reason);
}

static void end(struct tree_row *row, enum exit_kind kind, int32_t value)
{
    row->recorded = row->ended = true;
    row->exit_kind = kind;
    row->exit_value = value;
    row->live_bytes = 1000 * row->image;
    row->inherited_blocks = row->image;
}

/* What is written as the rows come and end is read again. */
static void test_file(void **state)
{
    struct fixture *f = *state;
    struct tree t, back;
    struct error e = {0};

    grow(&t);
    assert_int_equal(tree_open(&t, f->folder, &e), 0);
    end(&t.rows[4], EXIT_SIGNAL, 9);
    t.rows[4].searched = true;
    t.rows[4].lost_bytes = 77;
    tree_write(&t, 4);
    assert_true(tree_set(&t.rows[2].reason, "too many"));
    tree_write(&t, 2);
    assert_int_equal(t.trouble.kind, ERROR_NONE);
    assert_int_equal(tree_read(&back, f->folder, &e), 0);
    assert_int_equal(back.count, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(back.rows[i].from, t.rows[i].from);
        assert_int_equal(back.rows[i].pid, t.rows[i].pid);
        assert_int_equal(back.rows[i].forked, t.rows[i].forked);
        assert_string_equal(back.rows[i].program, t.rows[i].program);
        assert_int_equal(back.rows[i].ended, i == 4);
    }
    assert_int_equal(back.rows[4].exit_kind, EXIT_SIGNAL);
    assert_int_equal(back.rows[4].exit_value, 9);
    assert_int_equal(back.rows[4].live_bytes, 5000);
    assert_int_equal(back.rows[4].lost_bytes, 77);
    assert_true(back.rows[4].searched);
    assert_string_equal(back.rows[2].reason, "too many");
    tree_release(&back);
    tree_release(&t);
    assert_int_equal(tree_open(&t, f->folder, &e), -1); /* an earlier run's stays */
}

static void read_text(struct fixture *f, const char *text, int result, uint32_t count)
{
    struct tree t;
    struct error e = {0};

    fixture_write(f, TREE_FILE, text);
    assert_int_equal(tree_read(&t, f->folder, &e), result);
    assert_int_equal(t.count, count);
    assert_int_equal(e.kind, result == 0 ? ERROR_NONE : ERROR_FORMAT);
    tree_release(&t);
}

#define HEAD "{\"document\": \"memprof-tree\", \"version\": 1}\n"

/* A row that had no line yet gets one before those that come after it. */
static void test_gap(void **state)
{
    struct fixture *f = *state;
    struct tree t, back;
    struct error e = {0};

    tree_init(&t);
    assert_int_equal(tree_add(&t, 0, 10, false, "sh"), 0);
    assert_int_equal(tree_open(&t, f->folder, &e), 0);
    assert_int_equal(tree_add(&t, 1, 10, false, "env"), 1);
    assert_int_equal(tree_add(&t, 2, 10, false, "ls"), 2);
    tree_write(&t, 2);
    tree_write(&t, 0);
    assert_int_equal(tree_read(&back, f->folder, &e), 0);
    assert_int_equal(back.count, 3);
    assert_string_equal(back.rows[1].program, "env");
    assert_int_equal(back.rows[2].from, 2);
    tree_release(&back);
    tree_release(&t);
}

static void test_nonsense(void **state)
{
    struct fixture *f = *state;
    struct tree t;
    struct error e = {0};

    assert_int_equal(tree_read(&t, f->folder, &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    read_text(f, "", -1, 0);
    read_text(f, "nothing of the kind\n", -1, 0);
    read_text(f, "{\"document\": \"memprof-tree\", \"version\": 2}\n", -1, 0);
    read_text(f, HEAD, 0, 0);
    read_text(f, HEAD "[]\n", -1, 0);
    read_text(f, HEAD "{\"image\": 2}\n", -1, 0);
    read_text(f, HEAD "{\"image\": 1, \"from\": 1}\n", -1, 0);
    read_text(f, HEAD "{\"image\": -1}\n", -1, 0);
    read_text(f, HEAD "{\"image\": 1}\n{\"ima\n{\"image\": 2}\n", -1, 0);
    read_text(f, HEAD "{\"image\": 1, \"pid\": \"x\", \"program\": 3, \"ended\": \"so\"}\n{\"ima",
              0, 1);
    read_text(f, HEAD "{\"image\": 1}\n{\"image\": 2, \"from\": 1}\n{\"image\": 1}\n", 0, 2);
}

static void test_text(void **unused)
{
    static const char wanted[] =
        "program       pid  ended         live at exit     peak  allocated  leaks\n"
        "sh             10  -                        -        -          -      -\n"
        "  sh           11  exit 3             2.0 KiB      0 B        0 B      -\n"
        "  cc           11  SIGTERM            3.9 KiB      0 B        0 B      -\n"
        "    cc1        13  executed           4.9 KiB      0 B        0 B      -\n"
        "and 2 more\n";
    struct strbuf out;
    struct tree t;

    (void)unused;
    grow(&t);
    t.rows[0].recorded = true;
    end(&t.rows[1], EXIT_STATUS, 3);
    end(&t.rows[3], EXIT_SIGNAL, 15);
    end(&t.rows[4], EXIT_EXECUTED, 0);
    strbuf_init(&out);
    report_tree_text(&out, &t, 4, false);
    for (const char *a = strbuf_text(&out), *b = wanted; *a || *b;) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        assert_int_equal(*a, *b);
        a += *a != '\0';
        b += *b != '\0';
    }
    strbuf_clear(&out);
    tree_set(&t.rows[5].reason, "left out");
    report_tree_text(&out, &t, 0, true);
    assert_non_null(strstr(strbuf_text(&out), "not recorded"));
    assert_non_null(strstr(strbuf_text(&out), "left out"));
    assert_null(strchr(strbuf_text(&out), '\033'));
    strbuf_release(&out);
    tree_release(&t);
}

/* Nobody writes to it: it is not waited for. */
static void test_fifo(void **state)
{
    struct fixture *f = *state;
    struct tree t;
    struct error e = {0};

    assert_int_equal(mkfifo(fixture_path(f, TREE_FILE), 0600), 0);
    assert_int_equal(tree_read(&t, f->folder, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test_setup_teardown(test_withdrawn, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_parent_unknown),
        cmocka_unit_test(test_unfollowed),
        cmocka_unit_test_setup_teardown(test_file, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_gap, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_fifo, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
