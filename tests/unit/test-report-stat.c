// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-stat.h"

#include "src/host/view/filter.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* Two sites, of one module each, over two snapshots; at the end all of the first is gone. */
struct fixture {
    struct profile p;
    struct filter filter;
    struct view_options view;
    struct history history;
};

static void fixture_init(struct fixture *f)
{
    struct profile_change first[] = {make_change(0, 5, 100), make_change(1, 2, 10)};
    struct profile_change second[] = {make_change(0, 3, 100), make_change(1, -1, 10)};
    struct profile *p = &f->p;
    uint32_t app, lib;

    second[0].stats.smallest = second[1].stats.smallest = 0;
    second[0].stats.largest = second[1].stats.largest = 0;
    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    lib = make_module(p, "/lib/libx.so.1", 0);
    make_thread(p, 4242, "app");
    make_site(p, make_node(p, 0, make_frame(p, lib, "x_new", "/s/x.c", 1, 0)), 0, 8, 100)
        ->stats.live_bytes = 0;
    p->sites[0].stats.live_blocks = 0;
    make_site(p, make_node(p, 0, make_frame(p, app, "main", "/s/app.c", 2, 0)), 0, 1, 10);
    make_snapshot(p, 0.1, "loaded\033[2J", first, 2);
    make_snapshot(p, 0.2, "", second, 2);
    p->totals = (struct profile_totals){.live_bytes = 10,
                                        .live_blocks = 1,
                                        .peak_bytes = 810,
                                        .peak_blocks = 9,
                                        .peak_seconds = 0.2};
    filter_init(&f->filter);
    assert_int_equal(filter_add(&f->filter, "module=libx*", true, NULL), 0);
    f->view = (struct view_options){.filter = &f->filter};
    assert_int_equal(history_make(&f->history, p, &f->view, NULL), 0);
}

static void fixture_release(struct fixture *f)
{
    history_release(&f->history);
    filter_release(&f->filter);
    profile_release(&f->p);
}

static void expect(const struct fixture *f, struct report_stat_options options, const char *part)
{
    struct strbuf out;

    strbuf_init(&out);
    report_stat_text(&out, &f->p, &options);
    assert_false(out.failed);
    if (!strstr(strbuf_text(&out), part))
        fail_msg("no \"%s\" in:\n%s", part, strbuf_text(&out));
    strbuf_release(&out);
}

static void moments_are_listed(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, (struct report_stat_options){.text.columns = 80},
           "[ Moments: 2 snapshots ]\n"
           "#1    loaded\\x1b[2J   0.100 s   520 B   7 blocks   by memprof snapshot\n"
           "#2                    0.200 s   810 B   9 blocks   by memprof snapshot\n"
           "peak                  0.200 s   810 B   9 blocks\n"
           "exit                  0.430 s    10 B   1 block\n");
    f.p.process.merged = 2;
    expect(&f, (struct report_stat_options){.text.columns = 80},
           "peak                            810 B   9 blocks   the sum of all peaks\n"
           "exit                  0.430 s    10 B   1 block\n");
    f.p.process.merged = 0;
    expect(&f, (struct report_stat_options){0},
           "app (pid 4242) ran 0.43 s, exit 0\n"
           "  command        app 'two words'\n"
           "  executable     /bin/app\n"
           "  started        at an unknown time\n");
    fixture_release(&f);
}

static void filters_count_what_passes(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, (struct report_stat_options){.history = &f.history, .view = &f.view},
           "[ Moments: 2 snapshots; what passes the filters then ]\n"
           "#1    loaded\\x1b[2J   0.100 s   500 B   5 blocks   of 520 B   by memprof snapshot\n"
           "#2                    0.200 s   800 B   8 blocks   of 810 B   by memprof snapshot\n"
           "peak                  0.200 s   800 B   8 blocks   of 810 B\n"
           "exit                  0.430 s     0 B   0 blocks    of 10 B\n");
    fixture_release(&f);
}

static void other_domains_stand_beside_the_heap(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    f.view.domain = VIEW_ALL_DOMAINS;
    expect(&f, (struct report_stat_options){.history = &f.history, .view = &f.view},
           "#2                    0.200 s   800 B   8 blocks   heap 810 B   by memprof snapshot\n"
           "peak                            800 B   8 blocks   heap 810 B   each domain's own\n"
           "exit                  0.430 s     0 B   0 blocks    heap 10 B\n");
    fixture_release(&f);
}

static void one_moment_can_be_asked_for(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    expect(&f, (struct report_stat_options){.one = true, .moment = {MOMENT_LISTED, 1}},
           "[ Moments: 1 snapshot ]\n#2   0.200 s   810 B   9 blocks   by memprof snapshot\n");
    expect(&f, (struct report_stat_options){.one = true, .moment = {MOMENT_AT_PEAK, 0}},
           "[ Moments: no snapshots ]\npeak   0.200 s   810 B   9 blocks\n");
    fixture_release(&f);
}

static void domains_and_marks_are_shown(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    f.p.domains = calloc(4, sizeof *f.p.domains);
    f.p.marks = calloc(1, sizeof *f.p.marks);
    assert_true(f.p.domains && f.p.marks);
    f.p.domain_count = 4;
    f.p.mark_count = 1;
    f.p.domains[DOMAIN_HEAP] = (struct profile_domain){.live_bytes = 10,
                                                       .live_blocks = 1,
                                                       .peak_bytes = 2048,
                                                       .total_bytes = 4096,
                                                       .total_blocks = 1234};
    f.p.domains[3] = f.p.domains[DOMAIN_HEAP];
    f.p.domains[3].name = strings_add(&f.p.strings, "pool");
    f.p.marks[0] = (struct profile_mark){
        .seconds = 0.15, .live_bytes = 7, .live_blocks = 1, .label = f.p.domains[3].name};
    expect(&f, (struct report_stat_options){0},
           "[ Domains ]\n"
           "  heap   live 10 B   1 block    peak 2.0 KiB   allocated 4.0 KiB   1,234 blocks\n"
           "  pool   live 10 B   1 block    peak 2.0 KiB   allocated 4.0 KiB   1,234 blocks\n");
    expect(&f, (struct report_stat_options){0}, "[ Marks ]\n  pool   0.150 s   7 B   1 block\n");
    fixture_release(&f);
}

static json_int_t integer(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        fail_msg("%s is no integer", key);
    return json_integer_value(value);
}

static void the_document_has_the_same(void **state)
{
    struct fixture f;
    struct report_stat_options options;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    json_t *document, *list, *o;
    struct error e;

    (void)state;
    assert_non_null(out);
    fixture_init(&f);
    options = (struct report_stat_options){.history = &f.history, .view = &f.view};
    assert_int_equal(report_stat_json(out, &f.p, &options, &e), 0);
    fclose(out);
    document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    list = json_object_get(document, "snapshots");
    assert_int_equal(json_array_size(list), 2);
    o = json_array_get(list, 0);
    assert_int_equal(integer(o, "number"), 1);
    assert_string_equal(json_string_value(json_object_get(o, "cause")), "command");
    assert_int_equal(integer(o, "live_bytes"), 520);
    assert_int_equal(integer(o, "filtered_bytes"), 500);
    assert_int_equal(integer(o, "filtered_blocks"), 5);
    assert_true(json_is_null(json_object_get(json_array_get(list, 1), "label")));
    o = json_object_get(document, "filtered");
    assert_int_equal(integer(o, "peak_bytes"), 800);
    assert_int_equal(integer(o, "live_bytes"), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(o, "include"), 0)),
                        "module=libx*");
    json_decref(document);
    free(text);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_listed),
        cmocka_unit_test(filters_count_what_passes),
        cmocka_unit_test(one_moment_can_be_asked_for),
        cmocka_unit_test(other_domains_stand_beside_the_heap),
        cmocka_unit_test(domains_and_marks_are_shown),
        cmocka_unit_test(the_document_has_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
