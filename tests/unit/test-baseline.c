// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/baseline.h"

#include "src/host/profile/profile-check.h"
#include "src/host/report/report-json.h"
#include "src/host/view/filter.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct profile p;
    struct skiplist skip;
    char path[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    uint32_t app, main_node, node;
    int fd;

    assert_non_null(f);
    strcpy(f->path, "/tmp/memprof-baseline-XXXXXX");
    fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    make_profile(&f->p);
    app = make_module(&f->p, "/bin/app", 0);
    make_thread(&f->p, 4242, "app");
    main_node = make_node(&f->p, STACK_ROOT_WHOLE, make_frame(&f->p, app, "main", "/s/a.c", 9, 4));
    node = make_node(&f->p, main_node, make_frame(&f->p, app, "load", "/s/a.c", 5, 8));
    node = make_node(&f->p, node, make_frame(&f->p, app, "xmalloc", "/s/x.c", 3, 12));
    make_site(&f->p, node, 0, 3, 100);
    make_site(&f->p, main_node, 0, 1, 7);
    skiplist_init(&f->skip, true);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    profile_release(&f->p);
    skiplist_release(&f->skip);
    unlink(f->path);
    free(f);
    return 0;
}

static void write_report(struct fixture *f, enum view_group group, enum view_order order,
                         size_t limit)
{
    struct view_options options = {
        .group = group, .order = order, .limit = limit, .skip = &f->skip};
    FILE *out = fopen(f->path, "we");
    struct view v;
    struct error e;

    assert_non_null(out);
    assert_int_equal(view_build(&v, &f->p, &options, &e), 0);
    assert_int_equal(report_json_write(out, &f->p, &v, &(struct stack_choice){0}, NULL, &e), 0);
    assert_int_equal(fclose(out), 0);
    view_release(&v);
}

static void write_text(struct fixture *f, const char *text)
{
    FILE *out = fopen(f->path, "we");

    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static void read_back(struct baseline *b, const struct fixture *f)
{
    struct error e;

    if (baseline_read(b, f->path, &e) != 0 || profile_check(&b->profile, &e) != 0)
        fail_msg("%s", e.text);
}

static void a_report_is_read_back(void **state)
{
    struct fixture *f = *state;
    struct view_options options = {.order = VIEW_BY_LIVE, .skip = &f->skip};
    struct baseline b;
    struct view v;
    struct error e;

    write_report(f, VIEW_LINE, VIEW_BY_LIVE, 0);
    read_back(&b, f);
    assert_int_equal(b.group, VIEW_LINE);
    assert_int_equal(b.order, VIEW_BY_LIVE);
    assert_int_equal(b.domain, DOMAIN_HEAP);
    assert_string_equal(b.note, "");
    assert_string_equal(profile_text(&b.profile, b.profile.process.executable), "/bin/app");
    assert_int_equal(b.profile.process.pid, 4242);
    assert_int_equal(view_build(&v, &b.profile, &options, &e), 0);
    assert_int_equal(v.row_count, 2);
    assert_int_equal(v.rows[0].amount.bytes, 300);
    assert_int_equal(v.rows[0].amount.blocks, 3);
    assert_string_equal(profile_text(&b.profile, b.profile.lines[v.rows[0].line].function), "load");
    assert_int_equal(b.profile.lines[v.rows[0].line].line, 5);
    view_release(&v);
    baseline_release(&b);
}

/* The row is about load, with whatever skip list it is read: xmalloc stays out of the stack. */
/* So that places without a name are known by their offset in a build. */
static void build_ids_are_kept(void **state)
{
    struct fixture *f = *state;
    struct profile_module *app = &f->p.modules[0];
    struct baseline b;

    app->build_id_size = 20;
    for (uint32_t i = 0; i < 20; i++)
        app->build_id[i] = (uint8_t)(250 - 12 * i);
    write_report(f, VIEW_LINE, VIEW_BY_LIVE, 0);
    read_back(&b, f);
    assert_int_equal(b.profile.module_count, 1);
    assert_int_equal(b.profile.modules[0].build_id_size, 20);
    assert_memory_equal(b.profile.modules[0].build_id, app->build_id, 20);
    baseline_release(&b);
    /* Replaced while the program ran: which of both a place is in is not known. */
    make_module(&f->p, "/bin/app", 0);
    f->p.modules[1].build_id_size = 20;
    write_report(f, VIEW_LINE, VIEW_BY_LIVE, 0);
    read_back(&b, f);
    assert_int_equal(b.profile.module_count, 1);
    assert_int_equal(b.profile.modules[0].build_id_size, 0);
    baseline_release(&b);
}

static void sums_that_do_not_fit_are_refused(void **state)
{
    static const uint64_t sizes[] = {UINT64_C(1) << 60, (UINT64_C(1) << 61) - 400};
    struct fixture *f = *state;
    struct baseline b;
    struct error e;

    f->p.sites[0].stats.live_bytes = sizes[0];
    write_report(f, VIEW_LINE, VIEW_BY_LIVE, 0);
    read_back(&b, f);
    baseline_release(&b);
    f->p.sites[1].stats.live_bytes = sizes[1];
    write_report(f, VIEW_LINE, VIEW_BY_LIVE, 0);
    assert_int_equal(baseline_read(&b, f->path, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
}

static void what_its_rows_are_of_is_said(void **state)
{
    struct fixture *f = *state;
    struct filter filter;
    struct view_options options = {
        .order = VIEW_BY_LIVE, .moment = {MOMENT_AT_PEAK, 0}, .skip = &f->skip, .filter = &filter};
    FILE *out = fopen(f->path, "we");
    struct baseline b;
    struct view v;
    struct error e;

    filter_init(&filter);
    assert_int_equal(filter_add(&filter, "function=main", false, &e), 0);
    assert_non_null(out);
    assert_int_equal(view_build(&v, &f->p, &options, &e), 0);
    assert_int_equal(report_json_write(out, &f->p, &v, &(struct stack_choice){0}, NULL, &e), 0);
    assert_int_equal(fclose(out), 0);
    view_release(&v);
    filter_release(&filter);
    if (baseline_read(&b, f->path, &e) != 0)
        fail_msg("%s", e.text);
    assert_string_equal(b.note, "the baseline is of the peak; the baseline holds only what its "
                                "filters let through");
    baseline_release(&b);
}

static void a_row_keeps_its_place_under_another_skip_list(void **state)
{
    struct fixture *f = *state;
    struct view_options options = {.order = VIEW_BY_LIVE};
    struct baseline b;
    struct view v;
    struct error e;

    write_report(f, VIEW_LINE, VIEW_BY_LIVE, 0);
    read_back(&b, f);
    assert_int_equal(view_build(&v, &b.profile, &options, &e), 0);
    assert_string_equal(profile_text(&b.profile, b.profile.lines[v.rows[0].line].function), "load");
    view_release(&v);
    baseline_release(&b);
}

static void stacks_are_read_whole(void **state)
{
    struct fixture *f = *state;
    struct baseline b;

    write_report(f, VIEW_TRACEBACK, VIEW_BY_TOTAL, 0);
    read_back(&b, f);
    assert_int_equal(b.profile.node_count, STACK_ROOTS + 3);
    assert_int_equal(b.profile.sites[0].stats.peak_bytes, 300);
    assert_int_equal(b.profile.sites[0].stats.total_bytes, 300);
    baseline_release(&b);
    f->p.nodes[STACK_ROOTS].parent = STACK_ROOT_TRUNCATED;
    write_report(f, VIEW_TRACEBACK, VIEW_BY_TOTAL, 0);
    read_back(&b, f);
    assert_int_equal(b.profile.nodes[STACK_ROOTS].parent, STACK_ROOT_TRUNCATED);
    baseline_release(&b);
}

static void rows_that_were_left_out_are_one(void **state)
{
    struct fixture *f = *state;
    struct baseline b;
    struct error e;

    write_report(f, VIEW_LINE, VIEW_BY_LIVE, 1);
    read_back(&b, f);
    assert_int_equal(b.profile.site_count, 2);
    assert_int_equal(b.profile.sites[1].node, STACK_ROOT_WHOLE);
    assert_int_equal(b.profile.sites[1].stats.live_bytes, 7);
    assert_non_null(strstr(b.note, "1 row of the baseline was left out"));
    assert_true(b.profile.sites[1].stats.smallest > b.profile.sites[1].stats.largest);
    assert_true(b.cut);
    baseline_release(&b);
    write_report(f, VIEW_LINE, VIEW_BY_TOTAL, 1);
    read_back(&b, f);
    assert_int_equal(baseline_check(&b, &(struct view_options){.order = VIEW_BY_COUNT}, &e), 0);
    assert_int_equal(baseline_check(&b, &(struct view_options){.order = VIEW_BY_LIVE}, &e), -1);
    baseline_release(&b);
}

static void what_a_baseline_can_show(void **state)
{
    static const struct {
        enum view_group from;
        enum view_order made_by;
        enum view_group to;
        enum view_order shown_by;
        bool cumulative, fine;
    } cases[] = {
        {VIEW_LINE, VIEW_BY_LIVE, VIEW_FILE, VIEW_BY_LIVE, false, true},
        {VIEW_LINE, VIEW_BY_LIVE, VIEW_TRACEBACK, VIEW_BY_LIVE, false, false},
        {VIEW_TRACEBACK, VIEW_BY_TOTAL, VIEW_LINE, VIEW_BY_PEAK, false, true},
        {VIEW_TRACEBACK, VIEW_BY_TOTAL, VIEW_LINE, VIEW_BY_COUNT, true, true},
        {VIEW_LINE, VIEW_BY_TOTAL, VIEW_LINE, VIEW_BY_TOTAL, true, false},
        {VIEW_LINE, VIEW_BY_PEAK, VIEW_LINE, VIEW_BY_LIVE, false, false},
        {VIEW_FUNCTION, VIEW_BY_LIVE, VIEW_LINE, VIEW_BY_LIVE, false, false},
        {VIEW_FUNCTION, VIEW_BY_LIVE, VIEW_MODULE, VIEW_BY_LIVE, false, true},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct view_options options = {
            .group = cases[i].to, .order = cases[i].shown_by, .cumulative = cases[i].cumulative};
        struct baseline b;
        struct error e;

        write_report(f, cases[i].from, cases[i].made_by, 0);
        read_back(&b, f);
        assert_int_equal(baseline_check(&b, &options, &e), cases[i].fine ? 0 : -1);
        if (!cases[i].fine)
            assert_int_equal(e.kind, ERROR_INPUT);
        options.domain = DOMAIN_MMAP;
        assert_int_equal(baseline_check(&b, &options, &e), -1);
        baseline_release(&b);
    }
}

static void what_is_no_baseline_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "7",
        "[]",
        "{}",
        "{\"schema_version\": 1}",
        "{\"schema_version\": 2, \"view\": {}, \"stats\": []}",
        "{\"schema_version\": 1, \"view\": [], \"stats\": {}}",
        "{\"schema_version\": 1, \"schema_version\": 1}",
        "{\"schema_version\": 1, \"stats\": [], \"process\": {}, \"totals\": {},"
        " \"view\": {\"group_by\": \"line\", \"by\": \"live\", \"domain\": \"moon\"}}",
        "{\"schema_version\": 1, \"stats\": [null], \"process\": {}, \"totals\": {},"
        " \"view\": {\"group_by\": \"line\", \"by\": \"live\", \"domain\": \"heap\"}}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct baseline b;
        struct error e;

        write_text(f, texts[i]);
        if (baseline_read(&b, f->path, &e) == 0)
            fail_msg("taken for a baseline: %s", texts[i]);
        assert_int_equal(e.kind, ERROR_FORMAT);
        assert_int_equal(b.profile.site_count, 0);
    }
}

/* Every byte of a good one changed in turn: it is read or refused, never more. */
static void damage_does_no_harm(void **state)
{
    struct fixture *f = *state;
    char text[16384];
    FILE *in;
    size_t size;

    write_report(f, VIEW_TRACEBACK, VIEW_BY_LIVE, 0);
    in = fopen(f->path, "re");
    assert_non_null(in);
    size = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[size] = '\0';
    assert_true(size > 1000);
    for (size_t i = 0; i < size; i++) {
        static const char replacements[] = "9-]";
        struct baseline b;
        struct error e;
        char kept = text[i];

        text[i] = replacements[i % 3];
        write_text(f, text);
        text[i] = kept;
        if (baseline_read(&b, f->path, &e) == 0)
            assert_int_equal(profile_check(&b.profile, &e), 0);
        else
            assert_int_equal(e.kind, ERROR_FORMAT);
        baseline_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_report_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(build_ids_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_that_do_not_fit_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_its_rows_are_of_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_keeps_its_place_under_another_skip_list, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(stacks_are_read_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_that_were_left_out_are_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_baseline_can_show, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_baseline_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_does_no_harm, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
