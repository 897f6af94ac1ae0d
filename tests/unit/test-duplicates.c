// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-duplicates.h"
#include "src/host/text/jsonvalue.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Sites 0 and 1 are of one line by two threads, site 2 is of another. */
static void make(struct profile *p, const struct profile_duplicate *rows, uint32_t count)
{
    uint32_t module, main_thread, io, load, parse;

    make_profile(p);
    module = make_module(p, "/bin/app", 0);
    main_thread = make_thread(p, 1, "app");
    io = make_thread(p, 2, "io");
    load = make_node(p, STACK_ROOT_WHOLE, make_frame(p, module, "load", "/src/a.c", 1, 0));
    parse = make_node(p, STACK_ROOT_WHOLE, make_frame(p, module, "parse", "/src/b.c", 2, 16));
    make_site(p, load, main_thread, 100, 8);
    make_site(p, load, io, 100, 8);
    make_site(p, parse, io, 100, 8);
    p->search = (struct profile_search){.number = 1, .method = SEARCH_PTRACE, .duplicates = 1};
    p->duplicates = calloc(count + 1, sizeof *p->duplicates);
    assert_non_null(p->duplicates);
    memcpy(p->duplicates, rows, count * sizeof *rows);
    p->duplicate_count = count;
}

static const struct profile_duplicate sample[] = {
    {.size = 10, .blocks = 3, .hash = 7, .site = 0, .example = 0x1000},
    {.size = 10, .blocks = 2, .hash = 7, .site = 1, .example = 0x2000}, /* the line has 5 */
    {.size = 10, .blocks = 4, .hash = 7, .site = 2, .example = 0x3000},
    {.size = 16, .blocks = 1, .hash = 9, .site = 0, .example = 0x4000}, /* alike across lines */
    {.size = 16, .blocks = 1, .hash = 9, .site = 2, .example = 0x5000},
    {.size = 32, .blocks = 1, .hash = 9, .site = 2, .example = 0x6000}, /* a copy of nothing */
    {.size = 100, .blocks = 3, .hash = 11, .site = 2, .example = 0x7000},
};
#define SAMPLES ((uint32_t)(sizeof sample / sizeof *sample))

static void one_of_each_content_stays(void **state)
{
    struct duplicates d;
    struct profile p;
    uint64_t saved = 0;

    (void)state;
    make(&p, sample, SAMPLES);
    assert_int_equal(duplicates_make(&d, &p, VIEW_LINE, NULL, NULL), 0);
    assert_int_equal(d.contents, 3);
    assert_int_equal(d.blocks, 9 + 2 + 3);
    assert_int_equal(d.bytes, 90 + 32 + 300);
    assert_int_equal(d.saved, 80 + 16 + 200);
    assert_int_equal(d.row_count, 2);
    for (uint32_t i = 0; i < d.row_count; i++)
        saved += d.rows[i].saved;
    assert_int_equal(saved, d.saved);
    /* parse(): 4 of hash 7, of which load() keeps one; 16 bytes if load() keeps that one; 2 of 3 */
    assert_int_equal(d.rows[0].saved, 40 + 16 + 200);
    assert_int_equal(d.rows[0].contents, 3);
    assert_int_equal(d.rows[0].blocks, 8);
    assert_int_equal(d.rows[0].smallest, 10);
    assert_int_equal(d.rows[0].largest, 100);
    assert_int_equal(d.rows[0].example, 0x3000);
    assert_int_equal(d.rows[1].saved, 40);
    assert_int_equal(d.rows[1].blocks, 6);
    duplicates_release(&d);
    assert_int_equal(duplicates_make(&d, &p, VIEW_THREAD, NULL, NULL), 0);
    assert_int_equal(d.saved, 80 + 16 + 200);
    assert_int_equal(d.rows[0].blocks, 2 + 4 + 1 + 3);
    duplicates_release(&d);
    profile_release(&p);
}

static void assert_text(const struct profile *p, size_t limit, const char *expected)
{
    const struct report_duplicates_options options = {.text = {.exact = true}, .limit = limit};
    struct duplicates d;
    struct strbuf out;
    const char *rows;

    strbuf_init(&out);
    assert_int_equal(duplicates_make(&d, p, VIEW_LINE, NULL, NULL), 0);
    report_duplicates_text(&out, p, &d, &options);
    rows = strchr(strbuf_text(&out), '\n'); /* behind what ran */
    assert_non_null(rows);
    assert_string_equal(rows + 1, expected);
    duplicates_release(&d);
    strbuf_release(&out);
}

static void as_text(void **state)
{
    struct profile p;

    (void)state;
    make(&p, sample, SAMPLES);
    assert_text(
        &p, 0,
        "  alike          422 B in 14 blocks with 3 contents; one of each would save 296 B\n"
        "\n"
        "       saves      blocks    contents                size  allocated by\n"
        "       256 B           8           3        10 B - 100 B  b.c:2 in parse (app)\n"
        "        40 B           6           2         10 B - 16 B  a.c:1 in load (app)\n");
    assert_text(
        &p, 1,
        "  alike          422 B in 14 blocks with 3 contents; one of each would save 296 B\n"
        "\n"
        "       saves      blocks    contents                size  allocated by\n"
        "       256 B           8           3        10 B - 100 B  b.c:2 in parse (app)\n"
        "        40 B  in 1 more\n");
    profile_release(&p);
    make(&p, sample, 0);
    assert_text(&p, 0, "  no two live blocks are alike\n");
    profile_release(&p);
}

static void as_json(void **state)
{
    const struct report_duplicates_options options = {.limit = 1};
    FILE *file = tmpfile();
    struct duplicates d;
    struct profile p;
    json_t *json, *rows;

    (void)state;
    assert_non_null(file);
    make(&p, sample, SAMPLES);
    assert_int_equal(duplicates_make(&d, &p, VIEW_LINE, NULL, NULL), 0);
    assert_int_equal(report_duplicates_json(file, &p, &d, &options, NULL), 0);
    rewind(file);
    json = json_loadf(file, 0, NULL);
    fclose(file);
    assert_int_equal(json_integer_value(json_object_get(json, "saved")), 296);
    rows = json_object_get(json, "duplicates");
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "function")),
                        "parse");
    json_decref(json);
    duplicates_release(&d);
    profile_release(&p);
}

static void a_search_that_did_not_look_is_told_from_one_that_found_nothing(void **state)
{
    struct profile p;
    struct error e;

    (void)state;
    make(&p, sample, 0);
    assert_true(duplicates_known(&p, &e));
    p.search.duplicates = 0;
    assert_false(duplicates_known(&p, &e));
    assert_non_null(strstr(e.text, "--duplicates"));
    p.search.number = 0;
    assert_false(duplicates_known(&p, &e));
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_each_content_stays),
        cmocka_unit_test(as_text),
        cmocka_unit_test(as_json),
        cmocka_unit_test(a_search_that_did_not_look_is_told_from_one_that_found_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
