// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-diff-csv.h"
#include "src/host/report/report-diff-json.h"
#include "src/host/report/report-diff-text.h"

#include "src/host/report/report-compare.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

struct fixture {
    struct profile before, after;
    struct diff d;
    struct diff_side sides[2];
};

/* put grew and moved, gone and fresh are in one side each, same is in both. */
static void make_side(struct profile *p, bool is_new)
{
    uint32_t app, thread;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    p->modules[app].build_id_size = 20;
    memset(p->modules[app].build_id, is_new, 20);
    thread = make_thread(p, 4242, "app");
#define SITE(function, line, blocks, size)                                                         \
    make_site(p,                                                                                   \
              make_node(p, STACK_ROOT_WHOLE, make_frame(p, app, function, "/none/a.c", line, 1)),  \
              thread, blocks, size)
    SITE("put", is_new ? 88 : 80, is_new ? 58200 : 6189, 250);
    SITE(is_new ? "fresh\x1b[2J" : "gone", 5, 1, is_new ? 300 : 1 << 20);
    SITE("same", 7, 1, 10);
#undef SITE
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct view_options options = {.order = VIEW_BY_LIVE};
    struct unite_side before, after;
    struct pathmap paths;
    struct error e;

    assert_non_null(f);
    make_side(&f->before, false);
    make_side(&f->after, true);
    before = (struct unite_side){.profile = &f->before};
    after = (struct unite_side){.profile = &f->after};
    pathmap_init(&paths);
    assert_int_equal(diff_build(&f->d, &before, &after, &options, NULL, &paths, &e), 0);
    f->sides[0] = (struct diff_side){.name = "old.mprof", .profile = &f->before};
    f->sides[1] = (struct diff_side){.name = "new.mprof", .profile = &f->after, .note = "a note"};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    diff_release(&f->d);
    profile_release(&f->before);
    profile_release(&f->after);
    free(f);
    return 0;
}

static void the_text(void **state)
{
    static const char wanted[] =
        "old  old.mprof: app (pid 4242) ran 0.43 s, exit 0; at exit\n"
        "new  new.mprof: app (pid 4242) ran 0.43 s, exit 0; at exit\n"
        "  note: a note\n"
        "[ Top 3 differences by bytes live ]\n"
        "+12.4 MiB (now 13.9 MiB)   +52,011 blocks (now 58,200, 250 B each)   a.c:88 in put (app) "
        "(moved from a.c:80)\n"
        "-1.0 MiB (gone)            -1 block                                  a.c:5 in gone (app)\n"
        "+300 B (new)               +1 block (300 B each)                     a.c:5 in "
        "fresh\\x1b[2J (app)\n"
        "live +11.4 MiB (+460.5 %): from 2.5 MiB to 13.9 MiB, +52,011 blocks\n"
        "lines matched: 1 by line (10 B), 0 by line's text, 1 by function (13.9 MiB), 2 unmatched "
        "(1 only in the old, 1 only in the new; 1.0 MiB)\n";
    struct fixture *f = *state;
    struct report_text_options options = {.columns = 0};
    struct strbuf out;

    strbuf_init(&out);
    report_diff_text(&out, &f->d, &f->sides[0], &f->sides[1], &options);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_clear(&out);
    options.colour = true;
    report_diff_text(&out, &f->d, &f->sides[0], &f->sides[1], &options);
    assert_non_null(strstr(strbuf_text(&out), "\033[31m+12.4 MiB"));
    assert_non_null(strstr(strbuf_text(&out), "\033[32m-1.0 MiB"));
    strbuf_release(&out);
}

static char *written(const struct fixture *f, bool json)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct error e;

    assert_non_null(out);
    if (json)
        assert_int_equal(report_diff_json(out, &f->d, &f->sides[0], &f->sides[1], &e), 0);
    else
        assert_int_equal(report_diff_csv(out, &f->d, &f->sides[0], &e), 0);
    fclose(out);
    return text;
}

static void the_json(void **state)
{
    struct fixture *f = *state;
    char *text = written(f, true);
    json_error_t problem;
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, &problem), *row, *moved;

    if (!document)
        fail_msg("%s in\n%s", problem.text, text);
    row = json_array_get(json_object_get(document, "stats"), 0);
    assert_int_equal(json_array_size(json_object_get(document, "stats")), 4);
    assert_int_equal(json_integer_value(json_object_get(row, "size_diff")), 52011 * 250);
    assert_int_equal(json_integer_value(json_object_get(row, "line")), 88);
    assert_int_equal(json_integer_value(json_object_get(row, "count")), 58200);
    assert_string_equal(json_string_value(json_object_get(row, "status")), "changed");
    assert_string_equal(json_string_value(json_object_get(row, "matched_by")), "function");
    moved = json_object_get(row, "moved_from");
    assert_int_equal(json_integer_value(json_object_get(moved, "line")), 80);
    row = json_array_get(json_object_get(document, "stats"), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "size_diff")), -(1 << 20));
    assert_true(json_is_null(json_object_get(row, "matched_by")));
    row = json_object_get(json_object_get(document, "old"), "process");
    assert_string_equal(json_string_value(json_object_get(row, "program")), "app");
    json_decref(document);
    free(text);
}

static void the_csv(void **state)
{
    struct fixture *f = *state;
    char *text = written(f, false);

    assert_non_null(strstr(text, "\r\n13002750,14550000,1547250,52011,58200,6189,changed,function,"
                                 "put,/none/a.c,88,/bin/app,,/none/a.c,80\r\n"));
    assert_non_null(strstr(text, "\r\n-1048576,0,1048576,-1,0,1,gone,,gone,/none/a.c,5,/bin/app,,,"
                                 "\r\n"));
    free(text);
}

static void shares(void **state)
{
    static const struct {
        uint64_t before, after;
        const char *text;
    } cases[] = {{0, 0, "+0.0 %"},     {0, 5, "from nothing"},      {100, 105, "+5.0 %"},
                 {100, 50, "-50.0 %"}, {100000, 100001, "<+0.1 %"}, {100000, 99999, "<-0.1 %"},
                 {100, 100, "+0.0 %"}, {1, 1001, "+100000.0 %"},    {7, 0, "-100.0 %"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out;

        strbuf_init(&out);
        report_diff_share(&out, cases[i].before, cases[i].after);
        assert_string_equal(strbuf_text(&out), cases[i].text);
        strbuf_release(&out);
    }
}

static void runs_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct compare c = {0};
    struct strbuf out;
    struct error e;
    double percent;

    f->before.totals = (struct profile_totals){.peak_bytes = 1000, .total_bytes = 2000};
    f->after.totals = (struct profile_totals){.peak_bytes = 250, .total_bytes = 3000};
    f->after.loss.dropped = 3;
    assert_int_equal(compare_add(&c, &f->before, "/x/run.mprof", NULL, &e), 0);
    assert_int_equal(compare_add(&c, &f->after, "/y/run.mprof", NULL, &e), 0);
    assert_int_equal(compare_add(&c, &f->after, "/y/z.mprof", "named", &e), 0);
    assert_int_equal(compare_name_apart(&c, &e), 0);
    assert_string_equal(c.runs[0].name, "/x/run.mprof");
    assert_string_equal(c.runs[1].name, "/y/run.mprof");
    assert_string_equal(c.runs[2].name, "named");
    assert_true(compare_saved(&c, &c.runs[1], &percent));
    assert_true(percent == 75);
    c.order = COMPARE_BY_TOTAL;
    assert_true(compare_saved(&c, &c.runs[1], &percent));
    assert_true(percent == -50);
    c.order = COMPARE_BY_BLOCKS;
    assert_false(compare_saved(&c, &c.runs[1], &percent));
    c.order = COMPARE_BY_LIVE;
    c.runs[1].totals.live_bytes = 77;
    strbuf_init(&out);
    report_compare_text(&out, &c, true);
    assert_non_null(strstr(strbuf_text(&out), "   77 B   3,000 B"));
    strbuf_clear(&out);
    c.order = COMPARE_BY_PEAK;
    report_compare_text(&out, &c, true);
    assert_non_null(strstr(strbuf_text(&out), "/x/run.mprof   1,000 B   2,000 B        0"));
    assert_non_null(strstr(strbuf_text(&out), "75.0 %\n"));
    assert_non_null(strstr(strbuf_text(&out), "note: named lost 3 events"));
    /* Little is not nothing, and nothing is not "-0.0 %". */
    c.runs[0].totals.peak_bytes = c.runs[1].totals.peak_bytes = 100000;
    c.runs[2].totals.peak_bytes = 100001;
    strbuf_clear(&out);
    report_compare_text(&out, &c, true);
    assert_non_null(strstr(strbuf_text(&out), " 0.0 %\n"));
    assert_non_null(strstr(strbuf_text(&out), " <-0.1 %\n"));
    c.runs[2].totals.peak_bytes = 99999;
    strbuf_clear(&out);
    report_compare_text(&out, &c, true);
    assert_non_null(strstr(strbuf_text(&out), " <0.1 %\n"));
    strbuf_release(&out);
    compare_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_text, setup, teardown),
        cmocka_unit_test_setup_teardown(the_json, setup, teardown),
        cmocka_unit_test_setup_teardown(the_csv, setup, teardown),
        cmocka_unit_test(shares),
        cmocka_unit_test_setup_teardown(runs_side_by_side, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
