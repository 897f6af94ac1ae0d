// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-retained.h"
#include "src/host/text/jsonvalue.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TABLE 0x10000u  /* 16 bytes, of table_new(), a global's: holds all but SHARED's half */
#define ENTRY 0x20000u  /* 100 bytes, of load(): the table's */
#define NAME 0x30000u   /* 50 bytes, of load(): the entry's */
#define SHARED 0x40000u /* 1000 bytes, of load(): the table's and another global's */

static void fill(struct profile *p)
{
    static const struct profile_block blocks[] = {
        {.address = TABLE, .size = 16, .site = 0},
        {.address = ENTRY, .size = 100, .site = 1},
        {.address = NAME, .size = 50, .site = 1},
        {.address = SHARED, .size = 1000, .site = 1},
    };
    static const struct profile_pointer pointers[] = {
        {.address = 0x1000, .value = TABLE},    {.address = 0x1008, .value = SHARED},
        {.address = TABLE, .value = ENTRY},     {.address = TABLE + 8, .value = SHARED},
        {.address = ENTRY + 16, .value = NAME},
    };

    p->search = (struct profile_search){.number = 1, .method = SEARCH_PTRACE, .graph = GRAPH_WHOLE};
    p->blocks = calloc(4, sizeof *p->blocks);
    p->pointers = calloc(5, sizeof *p->pointers);
    p->roots = calloc(1, sizeof *p->roots);
    assert_true(p->blocks && p->pointers && p->roots);
    memcpy(p->blocks, blocks, sizeof blocks);
    memcpy(p->pointers, pointers, sizeof pointers);
    p->roots[0] = (struct profile_root){.start = 0x1000, .size = 16, .kind = ROOT_GLOBAL};
    p->block_count = 4;
    p->pointer_count = 5;
    p->root_count = 1;
}

static void make(struct profile *p)
{
    uint32_t module, thread, table, load;

    make_profile(p);
    module = make_module(p, "/bin/app", 0);
    thread = make_thread(p, 1, "app");
    table = make_node(p, STACK_ROOT_WHOLE, make_frame(p, module, "table_new", "/src/t.c", 1, 0));
    load = make_node(p, STACK_ROOT_WHOLE, make_frame(p, module, "load", "/src/l.c", 2, 16));
    make_site(p, table, thread, 1, 16);
    make_site(p, load, thread, 3, 8);
    fill(p);
}

static void what_only_a_place_holds_counts_there(void **state)
{
    struct heapimage h;
    struct retained r;
    struct profile p;

    (void)state;
    make(&p);
    assert_int_equal(heapimage_init(&h, &p, NULL), 0);
    assert_int_equal(retained_make(&r, &h, VIEW_LINE, false, NULL, NULL), 0);
    assert_int_equal(r.bytes, 1166);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(r.rows[0].bytes, 1150);
    assert_int_equal(r.rows[0].retained, 1150);
    assert_int_equal(r.rows[1].bytes, 16);
    assert_int_equal(r.rows[1].retained, 166); /* without what another global holds too */
    assert_int_equal(p.blocks[r.blocks[0]].address, SHARED);
    assert_int_equal(p.blocks[r.blocks[1]].address, TABLE);
    assert_int_equal(p.blocks[r.blocks[2]].address, ENTRY);
    assert_int_equal(p.blocks[r.blocks[3]].address, NAME);
    retained_release(&r);
    heapimage_release(&h);
    profile_release(&p);
}

static void rows_by_what_they_hold_or_by_their_own(void **state)
{
    struct heapimage h;
    struct retained r;
    struct profile p;

    (void)state;
    make(&p);
    p.blocks[3].size = 10;
    assert_int_equal(heapimage_init(&h, &p, NULL), 0);
    assert_int_equal(retained_make(&r, &h, VIEW_FUNCTION, false, NULL, NULL), 0);
    assert_int_equal(r.rows[0].retained, 166);
    assert_int_equal(r.rows[0].bytes, 16);
    retained_release(&r);
    assert_int_equal(retained_make(&r, &h, VIEW_FUNCTION, true, NULL, NULL), 0);
    assert_int_equal(r.rows[0].bytes, 160);
    retained_release(&r);
    heapimage_release(&h);
    profile_release(&p);
}

static void as_text(void **state)
{
    const struct report_retained_options options = {.text = {.exact = true}, .limit = 1};
    struct heapimage h;
    struct retained r;
    struct profile p;
    struct strbuf out;
    const char *rows;

    (void)state;
    make(&p);
    assert_int_equal(heapimage_init(&h, &p, NULL), 0);
    assert_int_equal(retained_make(&r, &h, VIEW_LINE, false, NULL, NULL), 0);
    strbuf_init(&out);
    report_retained_text(&out, &h, &r, &options);
    rows = strchr(strbuf_text(&out), '\n');
    assert_non_null(rows);
    assert_string_equal(rows + 1, "  live           1,166 B in 4 blocks\n"
                                  "\n"
                                  "    retained         own      blocks  allocated by\n"
                                  "     1,150 B     1,150 B           3  l.c:2 in load (app)\n"
                                  "  and 1 more\n"
                                  "\n"
                                  "    retained  block\n"
                                  "     1,000 B  0x40000    1,000 B  l.c:2 in load (app)\n"
                                  "  and 3 more\n");
    strbuf_release(&out);
    retained_release(&r);
    heapimage_release(&h);
    profile_release(&p);
}

static void as_json(void **state)
{
    const struct report_retained_options options = {.limit = 0};
    FILE *file = tmpfile();
    struct heapimage h;
    struct retained r;
    struct profile p;
    json_t *json, *first;

    (void)state;
    assert_non_null(file);
    make(&p);
    assert_int_equal(heapimage_init(&h, &p, NULL), 0);
    assert_int_equal(retained_make(&r, &h, VIEW_LINE, false, NULL, NULL), 0);
    assert_int_equal(report_retained_json(file, &h, &r, &options, NULL), 0);
    rewind(file);
    json = json_loadf(file, 0, NULL);
    fclose(file);
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 2);
    first = json_array_get(json_object_get(json, "blocks"), 1);
    assert_int_equal(json_integer_value(json_object_get(first, "retained")), 166);
    assert_int_equal(json_integer_value(json_object_get(first, "size")), 16);
    json_decref(json);
    retained_release(&r);
    heapimage_release(&h);
    profile_release(&p);
}

static void a_part_of_a_graph_says_nothing_of_it(void **state)
{
    struct heapimage h;
    struct retained r;
    struct profile p;
    struct error e;

    (void)state;
    make(&p);
    p.search.graph = GRAPH_PART;
    assert_int_equal(heapimage_init(&h, &p, NULL), 0);
    assert_int_equal(retained_make(&r, &h, VIEW_LINE, false, NULL, &e), -1);
    assert_int_equal(e.kind, ERROR_REFUSED);
    heapimage_release(&h);
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_a_place_holds_counts_there),
        cmocka_unit_test(rows_by_what_they_hold_or_by_their_own),
        cmocka_unit_test(as_text),
        cmocka_unit_test(as_json),
        cmocka_unit_test(a_part_of_a_graph_says_nothing_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
