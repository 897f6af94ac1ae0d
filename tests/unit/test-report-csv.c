// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-csv.h"

#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *write_csv(const struct profile *p, struct view_options options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct view v;
    struct error e;

    assert_non_null(out);
    assert_int_equal(view_build(&v, p, &options, &e), 0);
    assert_int_equal(report_csv_write(out, p, &v, &e), 0);
    view_release(&v);
    fclose(out);
    return text;
}

static void make_one(struct profile *p)
{
    uint32_t app, node;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    make_thread(p, 77, "io, and more");
    node = make_node(p, STACK_ROOT_WHOLE, make_frame(p, app, "main", "/s/app.c", 10, 0));
    node = make_node(p, node, make_frame(p, app, "f<a, b>(\"x\")", "/s/f.c", 7, 0));
    make_site(p, node, 0, 3, 100000);
}

static void rows_follow_the_header(void **state)
{
    struct profile p;
    char *text;

    (void)state;
    make_one(&p);
    text = write_csv(&p, (struct view_options){0});
    assert_string_equal(
        text,
        "size,count,average,function,file,line,module,thread,tid,live_bytes,live_blocks,"
        "peak_bytes,peak_blocks,total_bytes,total_blocks,temporary_bytes,temporary_blocks,"
        "smallest,largest,traceback\r\n"
        "300000,3,100000,\"f<a, b>(\"\"x\"\")\",/s/f.c,7,/bin/app,,,300000,3,300000,3,300000,3,"
        "0,0,100000,100000,"
        "\"f.c:7 in f<a, b>(\"\"x\"\") (app); app.c:10 in main (app)\"\r\n");
    free(text);
    profile_release(&p);
}

/* The second line of a document, which is to begin with `beginning`. */
static void expect_row(const struct profile *p, struct view_options options, const char *beginning)
{
    char *text = write_csv(p, options), *row = strstr(text, "\r\n");

    assert_non_null(row);
    if (strncmp(row + 2, beginning, strlen(beginning)) != 0)
        fail_msg("not \"%s\" but %s", beginning, row + 2);
    free(text);
}

static void columns_that_do_not_apply_are_empty(void **state)
{
    struct view_options peak = {.order = VIEW_BY_LIVE, .moment = {MOMENT_AT_PEAK, 0}};
    struct profile p;

    (void)state;
    make_one(&p);
    expect_row(&p, (struct view_options){.group = VIEW_FUNCTION},
               "300000,3,100000,\"f<a, b>(\"\"x\"\")\",/s/f.c,,/bin/app,,,");
    expect_row(&p, (struct view_options){.group = VIEW_FILE}, "300000,3,100000,,/s/f.c,,/bin/app,");
    expect_row(&p, (struct view_options){.group = VIEW_MODULE}, "300000,3,100000,,,,/bin/app,,,");
    expect_row(&p, (struct view_options){.group = VIEW_THREAD},
               "300000,3,100000,,,,,\"io, and more\",77,");
    peak.group = VIEW_SIZE_CLASS; /* at the peak nothing but what was live is known */
    expect_row(&p, peak, "300000,3,100000,,,,,,,300000,3,,,,,,,100000,100000,");
    profile_release(&p);
}

static void texts_cannot_break_out(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a,b", "\"a,b\""},
        {"say \"hi\"", "\"say \"\"hi\"\"\""},
        {"two\nlines", "\"two\nlines\""},
        {"=HYPERLINK(1)", "\"'=HYPERLINK(1)\""},
        {"-[NSObject init]", "\"'-[NSObject init]\""},
        {"@x", "\"'@x\""},
        {"a=b", "a=b"},
        {"\033[31m,\007\177", "\"\\x1b[31m,\\x07\\x7f\""},
        {"\xc2\x9b\xff\xc3\xbc", "\\u009b\\xff\xc3\xbc"},
        {"one\ntwo\r", "\"one\ntwo\\r\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out;

        strbuf_init(&out);
        report_csv_text(&out, cases[i].text);
        assert_string_equal(strbuf_text(&out), cases[i].field);
        strbuf_release(&out);
    }
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
    make_one(&p);
    assert_int_equal(view_build(&v, &p, &(struct view_options){0}, &e), 0);
    assert_int_equal(report_csv_write(out, &p, &v, &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    view_release(&v);
    profile_release(&p);
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_follow_the_header),
        cmocka_unit_test(columns_that_do_not_apply_are_empty),
        cmocka_unit_test(texts_cannot_break_out),
        cmocka_unit_test(a_full_disk_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
