// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/courses.h"

#include "src/host/graph/leakkind.h"
#include "src/host/report/report-growth.h"
#include "src/host/view/filter.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* Sites: a leak, a cache of 8 blocks, a table, one that comes and goes, one of few bytes. */
enum { LEAK, CACHE, TABLE, WAVES, SMALL, SITES };

#define POINTS 24

struct fixture {
    struct profile p;
    struct view_options options;
};

static void make_site_in(struct profile *p, uint32_t module, const char *function, uint32_t line)
{
    struct profile_site *s = make_site(
        p, make_node(p, 0, make_frame(p, module, function, "/s/app.c", line, 0)), 0, 0, 0);

    s->stats.smallest = s->stats.largest = 100;
}

/* What becomes live at point `i`. */
static uint32_t changes_at(int i, struct profile_change changes[SITES])
{
    uint32_t count = 0;

    changes[count++] = make_change(LEAK, 10, 100);
    if (i < 8)
        changes[count++] = make_change(CACHE, 5, 1000);
    if (i == 1)
        changes[count++] = make_change(TABLE, 1, 1000000);
    if (i > 0)
        changes[count++] = make_change(WAVES, i % 2 ? 20 : -20, 100);
    if (i == 3)
        changes[count++] = make_change(SMALL, 1, 50);
    for (uint32_t k = 0; k < count; k++)
        changes[k].stats.smallest = changes[k].stats.largest = 0;
    return count;
}

static void fixture_init(struct fixture *f, int points)
{
    static const char *const names[] = {"leak", "cache", "table", "waves", "small"};
    struct profile_change changes[SITES];
    uint32_t module;

    make_profile(&f->p);
    module = make_module(&f->p, "/bin/app", 0);
    make_thread(&f->p, 4242, "app");
    for (uint32_t i = 0; i < SITES; i++)
        make_site_in(&f->p, module, names[i], 10 + i);
    for (int i = 0; i < points; i++)
        make_snapshot(&f->p, i, "", changes, changes_at(i, changes));
    for (uint32_t i = 0; i < SITES; i++)
        f->p.sites[i].stats.total_blocks = f->p.sites[i].stats.live_blocks = 0;
    f->p.sites[LEAK].stats.live_bytes = f->p.sites[LEAK].stats.total_bytes =
        100 * 10 * (uint64_t)points;
    f->options = (struct view_options){.min_bytes = 1000};
}

static const struct course *course_of(const struct courses *c, const struct profile *p,
                                      const char *function)
{
    for (size_t i = 0; i < c->row_count; i++)
        if (!strcmp(profile_text(p, p->lines[c->rows[i].row.line].function), function))
            return &c->rows[i];
    return NULL;
}

static void rows_are_told_apart(void **state)
{
    struct fixture f;
    struct courses c;
    const struct course *leak;

    (void)state;
    fixture_init(&f, POINTS);
    assert_int_equal(courses_find(&c, &f.p, &f.options, NULL), 0);
    assert_int_equal(c.points, POINTS);
    assert_int_equal(c.row_count, 4);
    assert_int_equal(c.small_count, 1);
    leak = &c.rows[0];
    assert_ptr_equal(leak, course_of(&c, &f.p, "leak"));
    assert_int_equal(leak->trend.kind, TREND_GROWS);
    assert_true(leak->trend.slope > 999 && leak->trend.slope < 1001);
    assert_int_equal(leak->first, 1000);
    assert_int_equal(leak->last, 1000 * POINTS);
    assert_int_equal(leak->last_blocks, 10 * POINTS);
    assert_int_equal(course_of(&c, &f.p, "cache")->trend.kind, TREND_LEVELLED);
    assert_int_equal(course_of(&c, &f.p, "cache")->highest, 40000);
    assert_int_equal(course_of(&c, &f.p, "table")->trend.kind, TREND_STEADY);
    assert_null(course_of(&c, &f.p, "small"));
    assert_int_equal(c.kinds[TREND_GROWS], 1);
    assert_int_equal(c.whole.last, 1000 * POINTS + 40000 + 1000000 + 50 + 2000);
    courses_release(&c);
    profile_release(&f.p);
}

static void few_points_give_no_verdict(void **state)
{
    struct fixture f;
    struct courses c;

    (void)state;
    fixture_init(&f, TREND_POINTS_MIN - 1);
    assert_int_equal(courses_find(&c, &f.p, &f.options, NULL), 0);
    assert_true(courses_too_few(&c));
    for (size_t i = 0; i < c.row_count; i++)
        assert_int_equal(c.rows[i].trend.kind, TREND_UNCLEAR);
    assert_int_equal(c.kinds[TREND_GROWS], 0);
    courses_release(&c);
    profile_release(&f.p);
    fixture_init(&f, 0);
    assert_int_equal(courses_find(&c, &f.p, &f.options, NULL), 0);
    assert_int_equal(c.points, 0);
    assert_int_equal(c.row_count, 0);
    courses_release(&c);
    profile_release(&f.p);
}

/* The checkpoint of the end, where much was freed, is no point; a snapshot is. */
static void end_is_no_point(void **state)
{
    struct profile_change all = make_change(LEAK, -10 * POINTS, 100);
    struct fixture f;
    struct courses c;
    struct profile_moment *last;

    (void)state;
    fixture_init(&f, POINTS);
    all.stats.smallest = all.stats.largest = 0;
    make_snapshot(&f.p, POINTS, "", &all, 1);
    last = &f.p.moments[f.p.moment_count - 1];
    f.p.process.exit_kind = EXIT_STATUS;
    f.p.totals.total_blocks = last->total_blocks;
    f.p.totals.live_blocks = last->live_blocks;
    assert_int_equal(courses_find(&c, &f.p, &f.options, NULL), 0);
    assert_int_equal(c.points, POINTS + 1);
    courses_release(&c);
    last->kind = MOMENT_CHECKPOINT;
    assert_int_equal(courses_find(&c, &f.p, &f.options, NULL), 0);
    assert_int_equal(c.points, POINTS);
    courses_release(&c);
    profile_release(&f.p);
}

static void options_choose_rows(void **state)
{
    struct fixture f;
    struct courses c;
    struct filter filter;

    (void)state;
    fixture_init(&f, POINTS);
    filter_init(&filter);
    assert_int_equal(filter_add(&filter, "function=cache", false, NULL), 0);
    f.options.filter = &filter;
    f.options.min_bytes = 0;
    assert_int_equal(courses_find(&c, &f.p, &f.options, NULL), 0);
    assert_null(course_of(&c, &f.p, "cache"));
    assert_non_null(course_of(&c, &f.p, "small"));
    assert_int_equal(c.whole.last, 1000 * POINTS + 1000000 + 50 + 2000);
    courses_release(&c);
    f.options = (struct view_options){.group = VIEW_MODULE, .limit = 1};
    assert_int_equal(courses_find(&c, &f.p, &f.options, NULL), 0);
    assert_int_equal(c.row_count, 1);
    assert_int_equal(c.rows[0].last, c.whole.last);
    courses_release(&c);
    filter_release(&filter);
    profile_release(&f.p);
}

static void expect_text(const struct fixture *f, const char *part)
{
    struct report_text_options text = {.columns = 0};
    struct courses c;
    struct strbuf out;

    strbuf_init(&out);
    assert_int_equal(courses_find(&c, &f->p, &f->options, NULL), 0);
    report_growth_text(&out, &f->p, &c, &text);
    assert_false(out.failed);
    if (!strstr(strbuf_text(&out), part))
        fail_msg("no \"%s\" in:\n%s", part, strbuf_text(&out));
    strbuf_release(&out);
    courses_release(&c);
}

static void text_has_verdicts(void **state)
{
    struct profile_leak lost = {.site = LEAK, .kind = LEAK_DEFINITE, .bytes = 100, .blocks = 1};
    struct fixture f;

    (void)state;
    fixture_init(&f, POINTS);
    expect_text(&f, "[ 1 line growing: suspects ]");
    expect_text(&f, "grows without bound, 3.4 MiB an hour");
    expect_text(&f, "levelled off at 39.1 KiB");
    f.p.leaks = &lost;
    f.p.leak_count = 1;
    f.p.search.number = 1;
    f.p.search.method = SEARCH_PTRACE;
    expect_text(&f, "nothing refers to it any more");
    lost.kind = LEAK_REACHABLE;
    expect_text(&f, "something still refers to it");
    f.p.sites[LEAK].stats.live_bytes = 0;
    expect_text(&f, "freed at the end");
    f.p.leaks = NULL;
    f.p.leak_count = 0;
    profile_release(&f.p);
    fixture_init(&f, 3);
    expect_text(&f, "fewer than 8 points");
    profile_release(&f.p);
}

/* The JSON and the CSV of the same courses, as texts. */
static void write_both(const struct fixture *f, char **json, char **csv)
{
    struct stack_choice stack = {0};
    struct courses c;
    size_t length;
    FILE *out = open_memstream(json, &length);

    assert_int_equal(courses_find(&c, &f->p, &f->options, NULL), 0);
    assert_int_equal(report_growth_json(out, &f->p, &c, &stack, NULL), 0);
    fclose(out);
    out = open_memstream(csv, &length);
    assert_int_equal(report_growth_csv(out, &f->p, &c, NULL), 0);
    fclose(out);
    courses_release(&c);
}

static void machines_read_it(void **state)
{
    struct fixture f;
    char *json, *csv;
    json_t *document, *row;

    (void)state;
    fixture_init(&f, POINTS);
    write_both(&f, &json, &csv);
    document = json_loads(json, 0, NULL);
    assert_non_null(document);
    row = json_array_get(json_object_get(json_object_get(document, "growth"), "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "verdict")), "grows");
    assert_string_equal(json_string_value(json_object_get(row, "function")), "leak");
    assert_int_equal(json_integer_value(json_object_get(row, "line")), 10);
    assert_true(json_real_value(json_object_get(row, "slope")) > 999);
    assert_true(json_is_null(json_object_get(row, "lost_bytes")));
    assert_non_null(strstr(csv, "\r\ngrows,1000.000,"));
    json_decref(document);
    free(json);
    free(csv);
    profile_release(&f.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_told_apart), cmocka_unit_test(few_points_give_no_verdict),
        cmocka_unit_test(end_is_no_point),     cmocka_unit_test(options_choose_rows),
        cmocka_unit_test(text_has_verdicts),   cmocka_unit_test(machines_read_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
