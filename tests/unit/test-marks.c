/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *label(const struct marks *m, uint32_t i)
{
    return m->labels.bytes + m->labels.offsets[m->rows[i].label];
}

static void test_kept(void **unused)
{
    struct mark mark = {.time = 5, .live_bytes = 6, .live_blocks = 7, .thread = 8};
    struct marks m;

    (void)unused;
    marks_init(&m);
    marks_add(&m, &mark, "first");
    mark.time = 9;
    marks_add(&m, &mark, "");
    marks_finish(&m, &mark);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.rows[0].time, 5);
    assert_int_equal(m.rows[0].live_bytes, 6);
    assert_int_equal(m.rows[0].live_blocks, 7);
    assert_int_equal(m.rows[0].thread, 8);
    assert_string_equal(label(&m, 0), "first");
    assert_string_equal(label(&m, 1), "");
    marks_release(&m);
}

/* What does not fit is counted, and said in the last place. */
static void test_too_many(void **unused)
{
    struct mark mark = {0};
    struct marks m;

    (void)unused;
    marks_init(&m);
    for (uint32_t i = 0; i < MARKS_MAX + 10; i++) {
        mark.time = i;
        marks_add(&m, &mark, i % 2 ? "odd" : "even");
    }
    assert_int_equal(m.count, MARKS_MAX - 1);
    assert_int_equal(m.dropped, 11);
    marks_finish(&m, &mark);
    assert_int_equal(m.count, MARKS_MAX);
    assert_string_equal(label(&m, MARKS_MAX - 2), "even");
    assert_string_equal(label(&m, MARKS_MAX - 1), "(11 later marks were not kept)");
    assert_int_equal(m.rows[MARKS_MAX - 1].time, MARKS_MAX + 9);
    marks_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
