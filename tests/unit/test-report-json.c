// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-json.h"

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

static json_t *report(const struct profile *p, struct view_options options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct view v;
    struct error e;
    json_error_t parse_error;
    json_t *document;

    assert_non_null(out);
    assert_int_equal(view_build(&v, p, &options, &e), 0);
    assert_int_equal(report_json_write(out, p, &v, &(struct stack_choice){0}, NULL, &e), 0);
    fclose(out);
    view_release(&v);
    document = json_loads(text, JSON_REJECT_DUPLICATES, &parse_error);
    if (!document)
        fail_msg("%s in:\n%s", parse_error.text, text);
    free(text);
    return document;
}

static json_int_t integer(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        fail_msg("%s is no integer", key);
    return json_integer_value(value);
}

static const char *string(json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    if (!value)
        fail_msg("%s is no string", key);
    return value;
}

static void assert_null_at(json_t *object, const char *key)
{
    if (!json_is_null(json_object_get(object, key)))
        fail_msg("%s is not null", key);
}

static uint32_t make_stack(struct profile *p)
{
    uint32_t app, node;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    make_thread(p, 4243, "worker");
    node = make_node(p, STACK_ROOT_WHOLE, make_frame(p, app, "main", "/s/app.c", 10, 0x20));
    node = make_node(p, node, make_frame(p, app, "grow", "/s/grow.h", 7, 0x30));
    make_inlined_into(p, "load", "/s/load.c", 70);
    make_site(p, node, 0, 3, 100);
    return node;
}

static void process_and_totals_have_their_keys(void **state)
{
    struct profile p;
    json_t *d, *o;

    (void)state;
    make_stack(&p);
    p.totals = (struct profile_totals){.live_bytes = 1,
                                       .live_blocks = 2,
                                       .peak_bytes = 3,
                                       .peak_blocks = 4,
                                       .peak_seconds = 0.25,
                                       .total_bytes = 5,
                                       .total_blocks = 6,
                                       .temporary_blocks = 7};
    p.loss.dropped = 8;
    d = report(&p, (struct view_options){0});
    assert_int_equal(integer(d, "schema_version"), 1);
    o = json_object_get(d, "process");
    assert_string_equal(string(o, "command"), "app 'two words'");
    assert_int_equal(integer(o, "pid"), 4242);
    assert_int_equal(integer(o, "exit_status"), 0);
    assert_null_at(o, "signal");
    assert_true(json_real_value(json_object_get(o, "seconds")) == 0.43);
    o = json_object_get(d, "totals");
    assert_int_equal(integer(o, "live_bytes"), 1);
    assert_int_equal(integer(o, "live_blocks"), 2);
    assert_int_equal(integer(o, "peak_bytes"), 3);
    assert_int_equal(integer(o, "peak_blocks"), 4);
    assert_true(json_real_value(json_object_get(o, "peak_seconds")) == 0.25);
    assert_int_equal(integer(o, "total_bytes"), 5);
    assert_int_equal(integer(o, "total_blocks"), 6);
    assert_int_equal(integer(o, "temporary_blocks"), 7);
    assert_int_equal(integer(o, "dropped"), 8);
    json_decref(d);

    p.process.exit_kind = EXIT_SIGNAL;
    p.process.exit_value = 9;
    d = report(&p, (struct view_options){0});
    o = json_object_get(d, "process");
    assert_null_at(o, "exit_status");
    assert_int_equal(integer(o, "signal"), 9);
    json_decref(d);
    profile_release(&p);
}

static void a_row_has_its_place_and_its_stack(void **state)
{
    struct profile p;
    json_t *d, *row, *stack, *frame;

    (void)state;
    make_stack(&p);
    d = report(&p, (struct view_options){0});
    assert_int_equal(json_array_size(json_object_get(d, "stats")), 1);
    row = json_array_get(json_object_get(d, "stats"), 0);
    assert_int_equal(integer(row, "size"), 300);
    assert_int_equal(integer(row, "count"), 3);
    assert_string_equal(string(row, "file"), "/s/grow.h");
    assert_int_equal(integer(row, "line"), 7);
    assert_string_equal(string(row, "function"), "grow");
    assert_string_equal(string(row, "module"), "/bin/app");
    stack = json_object_get(row, "traceback");
    assert_int_equal(json_array_size(stack), 3);
    frame = json_array_get(stack, 0);
    assert_string_equal(string(frame, "function"), "grow");
    assert_true(json_is_true(json_object_get(frame, "inlined")));
    frame = json_array_get(stack, 1);
    assert_string_equal(string(frame, "function"), "load");
    assert_true(json_is_false(json_object_get(frame, "inlined")));
    assert_int_equal(integer(frame, "line"), 70);
    frame = json_array_get(stack, 2);
    assert_string_equal(string(frame, "function"), "main");
    assert_string_equal(string(frame, "file"), "/s/app.c");
    assert_string_equal(string(frame, "module"), "/bin/app");
    assert_int_equal(strncmp(string(frame, "address"), "0x", 2), 0);
    json_decref(d);
    profile_release(&p);
}

static void a_group_says_only_what_it_fixes(void **state)
{
    struct profile p;
    json_t *d, *row;

    (void)state;
    make_stack(&p);
    d = report(&p, (struct view_options){.group = VIEW_MODULE});
    row = json_array_get(json_object_get(d, "stats"), 0);
    assert_null_at(row, "file");
    assert_null_at(row, "line");
    assert_null_at(row, "function");
    assert_string_equal(string(row, "module"), "/bin/app");
    json_decref(d);
    d = report(&p, (struct view_options){.group = VIEW_THREAD});
    row = json_array_get(json_object_get(d, "stats"), 0);
    assert_null_at(row, "module");
    assert_int_equal(integer(json_object_get(row, "thread"), "tid"), 4243);
    assert_string_equal(string(json_object_get(row, "thread"), "name"), "worker");
    json_decref(d);
    profile_release(&p);
}

static void names_that_are_no_text_still_give_json(void **state)
{
    struct profile p;
    json_t *d, *row;
    uint32_t app;

    (void)state;
    make_profile(&p);
    app = make_module(&p, "/bin/app", 0);
    make_site(&p, make_node(&p, 0, make_frame(&p, app, "a\xff\"b\n", "", 0, 0)), 0, 1, 1);
    d = report(&p, (struct view_options){0});
    row = json_array_get(json_object_get(d, "stats"), 0);
    assert_string_equal(string(row, "function"), "a\xef\xbf\xbd\"b\n");
    assert_null_at(row, "file");
    assert_null_at(row, "line");
    json_decref(d);
    profile_release(&p);
}

static void what_is_left_out_is_counted(void **state)
{
    struct profile p;
    json_t *d, *o;

    (void)state;
    make_stack(&p);
    make_site(&p, make_node(&p, 0, make_frame(&p, 0, "f", "/s/f.c", 1, 0)), 0, 1, 50);
    d = report(&p, (struct view_options){.limit = 1});
    assert_int_equal(json_array_size(json_object_get(d, "stats")), 1);
    o = json_object_get(d, "view");
    assert_int_equal(integer(o, "size"), 350);
    assert_int_equal(integer(o, "rest_rows"), 1);
    assert_int_equal(integer(o, "rest_size"), 50);
    assert_int_equal(integer(o, "rest_count"), 1);
    json_decref(d);
    profile_release(&p);
}

static void an_empty_profile_is_a_document(void **state)
{
    struct profile p;
    json_t *d;

    (void)state;
    profile_init(&p);
    d = report(&p, (struct view_options){0});
    assert_int_equal(json_array_size(json_object_get(d, "stats")), 0);
    assert_null_at(json_object_get(d, "process"), "exit_status");
    json_decref(d);
    profile_release(&p);
}

static void the_view_says_what_it_is(void **state)
{
    struct profile_change change = make_change(0, 2, 100);
    struct filter filter;
    struct profile p;
    json_t *d, *o;

    (void)state;
    make_stack(&p);
    make_snapshot(&p, 0.25, "loaded", &change, 1);
    filter_init(&filter);
    assert_int_equal(filter_add(&filter, "load.c", true, NULL), 0);
    assert_int_equal(filter_add(&filter, "function=grow", false, NULL), 0);
    d = report(&p, (struct view_options){.order = VIEW_BY_LIVE,
                                         .moment = {MOMENT_LISTED, 0},
                                         .filter = &filter,
                                         .reverse = true,
                                         .min_bytes = 7});
    o = json_object_get(d, "view");
    assert_string_equal(string(json_object_get(o, "snapshot"), "label"), "loaded");
    assert_int_equal(integer(json_object_get(o, "snapshot"), "number"), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(o, "include"), 0)),
                        "load.c");
    assert_string_equal(json_string_value(json_array_get(json_object_get(o, "exclude"), 0)),
                        "function=grow");
    assert_true(json_is_true(json_object_get(o, "reverse")));
    assert_true(json_is_false(json_object_get(o, "cumulative")));
    assert_int_equal(integer(o, "min_size"), 7);
    assert_int_equal(integer(o, "size"), 0); /* excluded by the line that stands for the stack */
    assert_int_equal(integer(o, "filtered_size"), 200);
    json_decref(d);
    d = report(&p, (struct view_options){.cumulative = true, .limit = 1});
    o = json_object_get(d, "view");
    assert_true(json_is_true(json_object_get(o, "cumulative")));
    assert_null_at(o, "rest_size");
    assert_string_equal(string(json_object_get(o, "snapshot"), "label"), "exit");
    assert_null_at(json_object_get(o, "snapshot"), "number");
    json_decref(d);
    filter_release(&filter);
    profile_release(&p);
}

static void at_the_peak_only_live_numbers_are_known(void **state)
{
    struct profile p;
    json_t *d, *row;

    (void)state;
    make_stack(&p);
    d = report(&p, (struct view_options){.order = VIEW_BY_LIVE, .moment = {MOMENT_AT_PEAK, 0}});
    row = json_array_get(json_object_get(d, "stats"), 0);
    assert_int_equal(integer(row, "live_bytes"), 300);
    assert_null_at(row, "total_bytes");
    assert_null_at(row, "peak_blocks");
    assert_int_equal(integer(row, "largest"), 100);
    json_decref(d);
    profile_release(&p);
}

static void a_full_disk_is_an_error(void **state)
{
    FILE *out = fopen("/dev/full", "w");
    struct profile p;
    struct view v;
    struct error e;

    (void)state;
    if (!out)
        skip();
    make_stack(&p);
    assert_int_equal(view_build(&v, &p, &(struct view_options){0}, &e), 0);
    assert_int_equal(report_json_write(out, &p, &v, &(struct stack_choice){0}, NULL, &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    view_release(&v);
    profile_release(&p);
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_and_totals_have_their_keys),
        cmocka_unit_test(a_row_has_its_place_and_its_stack),
        cmocka_unit_test(a_group_says_only_what_it_fixes),
        cmocka_unit_test(names_that_are_no_text_still_give_json),
        cmocka_unit_test(what_is_left_out_is_counted),
        cmocka_unit_test(an_empty_profile_is_a_document),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(the_view_says_what_it_is),
        cmocka_unit_test(at_the_peak_only_live_numbers_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
