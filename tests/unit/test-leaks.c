// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leaks.h"

#include "src/host/graph/leakgraph.h"
#include "src/host/report/report-leak-text.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Two stacks below main: parse (xmalloc innermost, a wrapper) and load, sites by two
 * threads, and rows of a search of all kinds.
 */
struct fixture {
    struct profile p;
    uint32_t parse, load;
    struct skiplist skip;
    struct suppressions rules;
    struct leaks leaks;
};

enum { PARSE_MAIN = 0, PARSE_WORKER, LOAD_MAIN };

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    uint32_t app, main_frame, node, worker, first;

    assert_non_null(f);
    make_profile(&f->p);
    app = make_module(&f->p, "/bin/app", 0);
    main_frame = make_frame(&f->p, app, "main", "/src/main.c", 30, 0);
    node = make_node(&f->p, STACK_ROOT_WHOLE, main_frame);
    f->load = make_node(&f->p, node, make_frame(&f->p, app, "load", "/src/load.c", 7, 0));
    f->parse = make_node(&f->p, node, make_frame(&f->p, app, "parse", "/src/parse.c", 12, 0));
    f->parse = make_node(&f->p, f->parse, make_frame(&f->p, app, "xmalloc", "/src/x.c", 3, 0));
    first = make_thread(&f->p, 1, "app");
    worker = make_thread(&f->p, 2, "worker");
    make_site(&f->p, f->parse, first, 10, 100)->first_seconds = 1;
    make_site(&f->p, f->parse, worker, 10, 200)->last_seconds = 9;
    make_site(&f->p, f->load, first, 5, 1000)->first_seconds = 2;
    skiplist_init(&f->skip, true);
    suppressions_init(&f->rules);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    leaks_release(&f->leaks);
    suppressions_release(&f->rules);
    skiplist_release(&f->skip);
    profile_release(&f->p);
    free(f);
    return 0;
}

static const struct leak_report *make_with(struct fixture *f, struct leaks_options o)
{
    struct error e = {0};

    o.skip = &f->skip;
    leaks_release(&f->leaks);
    if (leaks_make(&f->leaks, &f->p, &o, &e) != 0)
        fail_msg("%s", e.text);
    return &f->leaks.report;
}

static const struct leak_report *make(struct fixture *f)
{
    return make_with(f, (struct leaks_options){.kinds = LEAK_KIND_ALL});
}

static void assert_amount(struct leak_amount a, uint64_t bytes, uint64_t blocks)
{
    assert_int_equal(a.bytes, bytes);
    assert_int_equal(a.blocks, blocks);
}

static void rows_of_a_stack_are_one_record(void **state)
{
    struct fixture *f = *state;
    const struct leak_report *r;
    struct profile_leak *l;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    l = make_leak(&f->p, PARSE_WORKER, LEAK_DEFINITE, 3, 200);
    l->indirect_blocks = 4;
    l->indirect_bytes = 5000;
    l->age = 3;
    l->cycle_blocks = 2;
    make_leak(&f->p, LOAD_MAIN, LEAK_INDIRECT, 5, 1000);
    make_leak(&f->p, PARSE_MAIN, LEAK_REACHABLE, 8, 100)->age = 1;
    r = make(f);
    assert_int_equal(r->record_count, 3);
    assert_int_equal(r->records[0].kind, LEAK_DEFINITE);
    assert_int_equal(r->records[0].bytes, 800);
    assert_int_equal(r->records[0].blocks, 5);
    assert_int_equal(r->records[0].indirect_bytes, 5000);
    assert_int_equal(r->records[0].smallest, 100);
    assert_int_equal(r->records[0].largest, 200);
    assert_int_equal(r->records[0].cycle_blocks, 2);
    assert_int_equal(r->records[0].example, f->p.leaks[1].example);
    assert_string_equal(r->records[0].thread, "worker");
    assert_int_equal(r->records[0].threads, 2);
    assert_true(r->records[0].first_seconds == 0 && r->records[0].last_seconds == 9);
    assert_amount(r->records[0].ages[LEAK_AGE_YOUNG], 200, 2);
    assert_amount(r->records[0].ages[LEAK_AGE_OLD], 600, 3);
    assert_int_equal(r->records[1].kind, LEAK_INDIRECT);
    assert_int_equal(r->records[2].kind, LEAK_REACHABLE);
    assert_amount(r->records[2].ages[LEAK_AGE_MIDDLE], 800, 8);
    assert_amount(r->kinds[LEAK_DEFINITE], 800, 5);
    assert_amount(r->kinds[LEAK_INDIRECT], 5000, 5);
    assert_amount(r->kinds[LEAK_REACHABLE], 800, 8);
    assert_amount(r->suppressed, 0, 0);
}

static void a_record_has_its_stack_and_the_line_to_look_at(void **state)
{
    struct fixture *f = *state;
    const struct leak_record *record;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    record = &make(f)->records[0];
    assert_int_equal(record->stack_count, 3);
    assert_string_equal(record->stack[0]->function, "xmalloc");
    assert_string_equal(record->stack[1]->function, "parse");
    assert_string_equal(record->stack[1]->file, "/src/parse.c");
    assert_int_equal(record->stack[1]->line, 12);
    assert_string_equal(record->stack[1]->module, "/bin/app");
    assert_int_not_equal(record->stack[1]->address, 0);
    assert_int_equal(record->place, 1);
}

static void weak_regions_are_told_apart(void **state)
{
    struct fixture *f = *state;
    uint32_t cache = make_root(&f->p, ROOT_WEAK, "cache");
    uint32_t list = make_root(&f->p, ROOT_WEAK, "observers");
    const struct leak_report *r;

    make_leak(&f->p, PARSE_MAIN, LEAK_WEAK, 1, 100)->holder = cache;
    make_leak(&f->p, PARSE_MAIN, LEAK_WEAK, 2, 100)->holder = list;
    r = make(f);
    assert_int_equal(r->record_count, 2);
    assert_string_equal(r->records[0].held_by, "observers");
    assert_string_equal(r->records[1].held_by, "cache");
}

static void only_wanted_kinds_have_records(void **state)
{
    struct fixture *f = *state;
    const struct leak_report *r;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 1, 100);
    make_leak(&f->p, LOAD_MAIN, LEAK_REACHABLE, 5, 1000);
    r = make_with(f, (struct leaks_options){.kinds = LEAK_KIND_BIT(LEAK_DEFINITE)});
    assert_int_equal(r->record_count, 1);
    assert_amount(r->kinds[LEAK_REACHABLE], 5000, 5);
}

static void ages_narrow_records_and_keep_their_ids(void **state)
{
    struct fixture *f = *state;
    char id[LEAK_ID], other[LEAK_ID];
    const struct leak_report *r;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 9, 100);
    make_leak(&f->p, PARSE_WORKER, LEAK_DEFINITE, 1, 200)->age = 4;
    f->p.leaks[1].survived = 2;
    make_leak(&f->p, LOAD_MAIN, LEAK_DEFINITE, 1, 1000)->age = 4;
    r = make(f);
    memcpy(id, r->records[0].id, sizeof id);
    memcpy(other, r->records[1].id, sizeof other);
    assert_int_equal(r->records[0].bytes, 1100);
    r = make_with(f, (struct leaks_options){.kinds = LEAK_KIND_ALL, .min_age = 3});
    assert_int_equal(r->record_count, 2);
    assert_string_equal(r->records[0].id, other); /* more bytes now */
    assert_string_equal(r->records[1].id, id);
    assert_int_equal(r->records[1].bytes, 200);
    assert_int_equal(r->records[1].blocks, 1);
    assert_int_equal(r->records[1].smallest, 200);
    assert_int_equal(r->records[1].threads, 1);
    assert_string_equal(r->records[1].thread, "worker");
    assert_int_equal(r->records[1].stack_count, 3);
    assert_amount(r->kinds[LEAK_DEFINITE], 1200, 2);
    assert_amount(f->leaks.left_out, 900, 9);
    r = make_with(f, (struct leaks_options){.kinds = LEAK_KIND_ALL, .min_survived = 2});
    assert_int_equal(r->record_count, 1);
    assert_string_equal(r->records[0].id, id);
}

static void filters_choose_rows(void **state)
{
    struct fixture *f = *state;
    const struct leak_report *r;
    struct filter filter;
    struct error e;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    make_leak(&f->p, PARSE_WORKER, LEAK_DEFINITE, 1, 200);
    make_leak(&f->p, LOAD_MAIN, LEAK_DEFINITE, 1, 1000);
    filter_init(&filter);
    assert_int_equal(filter_add(&filter, "thread=worker", true, &e), 0);
    r = make_with(f, (struct leaks_options){.kinds = LEAK_KIND_ALL, .filter = &filter});
    assert_int_equal(r->record_count, 1);
    assert_int_equal(r->records[0].bytes, 200);
    assert_amount(r->kinds[LEAK_DEFINITE], 200, 1);
    filter_release(&filter);
}

static void add_rules(struct fixture *f, const char *text)
{
    struct error e;

    assert_int_equal(suppressions_add(&f->rules, text, strlen(text), "rules", &e), 0);
}

static void what_is_suppressed_is_counted(void **state)
{
    struct fixture *f = *state;
    const struct leaks_options o = {.kinds = LEAK_KIND_ALL, .suppressions = &f->rules};
    const struct leak_report *r;
    struct profile_leak *l;

    l = make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    l->indirect_blocks = 3;
    l->indirect_bytes = 3000;
    make_leak(&f->p, LOAD_MAIN, LEAK_INDIRECT, 5, 1000);
    make_leak(&f->p, LOAD_MAIN, LEAK_POSSIBLE, 1, 1000);
    add_rules(f, "leak:parse\nleak:nobody\n");
    r = make_with(f, o);
    assert_int_equal(r->record_count, 2);
    assert_int_equal(r->suppressed_records, 1);
    assert_amount(r->suppressed, 3200, 5); /* with what is below it */
    assert_amount(r->kinds[LEAK_DEFINITE], 0, 0);
    assert_amount(r->kinds[LEAK_INDIRECT], 2000, 2);
    assert_amount(r->kinds[LEAK_POSSIBLE], 1000, 1);
    assert_int_equal(f->rules.rules[0].records, 1);
    assert_int_equal(f->rules.rules[0].bytes, 200);
    assert_int_equal(f->rules.rules[1].records, 0);
    add_rules(f, "leak:load\n");
    r = make_with(f, o);
    assert_int_equal(r->record_count, 0);
    assert_amount(r->suppressed, 200 + 5000 + 1000, 8); /* 5,000 of their own, not 3,000 more */
    assert_amount(r->kinds[LEAK_INDIRECT], 0, 0);
}

static void kinds_limit_rules(void **state)
{
    struct fixture *f = *state;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    make_leak(&f->p, PARSE_MAIN, LEAK_POSSIBLE, 1, 100);
    add_rules(f, "{\n r\n Memcheck:Leak\n match-leak-kinds: possible\n ...\n fun:parse\n}\n");
    assert_int_equal(
        make_with(f, (struct leaks_options){.kinds = LEAK_KIND_ALL, .suppressions = &f->rules})
            ->record_count,
        1);
    assert_int_equal(f->leaks.report.records[0].kind, LEAK_DEFINITE);
}

static void interior_pointers_can_count(void **state)
{
    struct fixture *f = *state;
    const struct leak_report *r;

    make_leak(&f->p, PARSE_MAIN, LEAK_REACHABLE, 2, 100);
    make_leak(&f->p, PARSE_MAIN, LEAK_POSSIBLE, 1, 100);
    r = make_with(f, (struct leaks_options){.kinds = LEAK_KIND_ALL, .interior = true});
    assert_int_equal(r->record_count, 1);
    assert_amount(r->kinds[LEAK_REACHABLE], 300, 3);
    assert_amount(r->kinds[LEAK_POSSIBLE], 0, 0);
}

static bool has_note(const struct leak_report *r, const char *words)
{
    for (uint32_t i = 0; i < r->note_count; i++)
        if (strstr(r->notes[i], words))
            return true;
    return false;
}

static void without_a_search_all_is_reachable(void **state)
{
    struct fixture *f = *state;
    const struct leak_report *r = make(f);

    assert_false(f->leaks.searched);
    assert_amount(r->kinds[LEAK_REACHABLE], 1000 + 2000 + 5000, 25);
    assert_int_equal(r->record_count, 2);
    assert_int_equal(r->records[0].bytes, 5000);
    assert_true(has_note(r, "no search for leaks"));
    assert_false(leaks_were_searched(&f->p, NULL));
}

static void a_search_that_could_not_look_says_why(void **state)
{
    struct fixture *f = *state;
    struct error why = {0};

    make_leak(&f->p, PARSE_MAIN, LEAK_REACHABLE, 2, 100);
    f->p.search.method = SEARCH_UNSTOPPED;
    f->p.search.why = strings_add(&f->p.strings, "ptrace is not permitted");
    assert_true(has_note(make(f), "ptrace is not permitted"));
    assert_false(leaks_were_searched(&f->p, &why));
    assert_string_equal(why.text, "ptrace is not permitted");
}

static void every_incompleteness_has_a_sentence(void **state)
{
    static const struct {
        uint32_t flag;
        const char *words;
    } all[] = {{SEARCH_THREADS_MISSED, "2 of 3 threads did not stop"},
               {SEARCH_MEMORY_MISSED, "4.0 KiB of memory could not be read"},
               {SEARCH_NO_MEMORY, "no room"},
               {SEARCH_PARTIAL_RECORD, "recording was off"},
               {SEARCH_ROWS_MERGED, "ages are not told apart"},
               {SEARCH_AGES_SATURATED, "lower bounds"},
               {SEARCH_BEFORE_LATER, "ran on after"},
               {SEARCH_REGIONS_MISSED, "more root and weak regions"}};
    struct fixture *f = *state;
    uint32_t before;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    f->p.search.threads = 3;
    f->p.search.threads_missed = 2;
    f->p.search.unreadable_bytes = 4096;
    f->p.loss.dropped = 7;
    before = make(f)->note_count;
    assert_true(has_note(&f->leaks.report, "7 events were lost"));
    assert_int_equal(f->leaks.search_notes, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        f->p.search.notes = all[i].flag;
        assert_int_equal(make(f)->note_count, before + 1);
        assert_true(has_note(&f->leaks.report, all[i].words));
        assert_int_equal(f->leaks.search_notes, 1);
    }
}

static void what_a_search_did_without_is_said(void **state)
{
    struct fixture *f = *state;
    uint32_t before;

    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    make_leak(&f->p, PARSE_MAIN, LEAK_REACHABLE, 9, 100);
    before = make(f)->note_count;
    f->p.search.contents = 64;
    assert_int_equal(make(f)->note_count, before + 1);
    assert_true(has_note(&f->leaks.report, "contents were kept of 0 of 2 lost blocks"));
    f->p.search.contents = 0;
    f->p.search.why = strings_add(&f->p.strings, "'cache': no variable");
    assert_int_equal(make(f)->note_count, before + 1);
    assert_true(has_note(&f->leaks.report, "'cache': no variable"));
}

/* -------------------------------------------------------------------- text -- */

static void assert_lines(const struct strbuf *text, const char *const *lines)
{
    const char *at = strbuf_text(text);

    for (; *lines; lines++) {
        const char *found = strstr(at, *lines);

        if (!found)
            fail_msg("'%s' is not where it should be in:\n%s", *lines, strbuf_text(text));
        at = found + strlen(*lines);
    }
}

static void the_summary_has_a_line_a_kind(void **state)
{
    static const char *const lines[] = {"  leaks          200 B in 2 blocks definitely lost\n",
                                        "                 3.0 KiB in 3 blocks indirectly lost\n",
                                        "                 100 B in 1 block still reachable\n",
                                        "                 memprof leaks x.mprof shows where\n",
                                        NULL};
    struct report_leak_options o = {.file = "x.mprof"};
    struct fixture *f = *state;
    struct strbuf text;

    strbuf_init(&text);
    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 2, 100);
    make_leak(&f->p, LOAD_MAIN, LEAK_INDIRECT, 3, 1024);
    make_leak(&f->p, PARSE_MAIN, LEAK_REACHABLE, 1, 100);
    make(f);
    report_leak_summary(&text, &f->leaks, &f->p, &o);
    assert_lines(&text, lines);
    strbuf_release(&text);
}

static void a_clean_program_takes_a_line(void **state)
{
    struct report_leak_options o = {.file = "x.mprof"};
    struct fixture *f = *state;
    struct strbuf text;

    strbuf_init(&text);
    make_leak(&f->p, PARSE_MAIN, LEAK_REACHABLE, 1, 100);
    make(f);
    report_leak_summary(&text, &f->leaks, &f->p, &o);
    assert_string_equal(strbuf_text(&text),
                        "  leaks          none; 100 B in 1 block still reachable\n");
    f->leaks.report.suppressed = (struct leak_amount){5, 2};
    strbuf_clear(&text);
    report_leak_summary(&text, &f->leaks, &f->p, &o);
    assert_lines(&text,
                 (const char *const[]){"still reachable, 5 B in 2 blocks suppressed\n", NULL});
    f->leaks.report.kinds[LEAK_REACHABLE].blocks = 0;
    strbuf_clear(&text);
    report_leak_summary(&text, &f->leaks, &f->p, &o);
    assert_string_equal(strbuf_text(&text), "  leaks          none; 5 B in 2 blocks suppressed\n");
    strbuf_clear(&text);
    f->p.search.method = SEARCH_UNSTOPPED;
    make(f);
    report_leak_summary(&text, &f->leaks, &f->p, &o);
    assert_lines(&text, (const char *const[]){"  leaks          not searched for: ", NULL});
    strbuf_release(&text);
}

static void a_record_for_people(void **state)
{
    static const char *const lines[] = {
        "#1  200 B in 2 blocks definitely lost, and 64 B in 1 block below them   ",
        "      x.c:3 in xmalloc (app)\n",
        "    > parse.c:12 in parse (app)\n",
        "      main.c:30 in main (app)\n",
        "      of 100 B each, allocated from 0.000 s to 9.000 s by thread app and 1 other; "
        "1 old, 1 young; one is at 0x11000\n",
        "      a cycle: these 3 blocks keep each other\n",
        "      freeing them frees 4.0 KiB\n",
        "      48 65 6c 6c 6f 00 ",
        " |Hello.",
        "and 1 more: --top 0 shows all\n",
        "definitely lost: No pointer",
        "memprof why x.mprof ",
        NULL};
    struct report_leak_options o = {
        .kinds = LEAK_KIND_ALL, .limit = 1, .contents = true, .file = "x.mprof"};
    struct fixture *f = *state;
    struct profile_leak *l;
    struct strbuf text;

    strbuf_init(&text);
    make_leak(&f->p, PARSE_WORKER, LEAK_DEFINITE, 1, 100)->age = 5;
    l = make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 1, 100);
    f->p.leaks[0].example = 0x11000;
    f->p.leaks[0].indirect_blocks = 1;
    f->p.leaks[0].indirect_bytes = 64;
    f->p.leaks[0].retained_bytes = 4096;
    l->cycle_blocks = 3;
    make_leak(&f->p, PARSE_MAIN, LEAK_POSSIBLE, 1, 10);
    f->p.search.graph = GRAPH_PART;
    f->p.search.contents = 16;
    f->p.search.moments = 5;
    f->p.contents = calloc(1, sizeof *f->p.contents);
    assert_non_null(f->p.contents);
    f->p.content_count = 1;
    f->p.contents[0].address = 0x11000;
    memcpy(f->p.contents[0].words, "Hello\0\x1b", 7);
    make(f);
    report_leak_records(&text, &f->leaks, &f->p, &o);
    assert_lines(&text, lines);
    assert_null(strchr(strbuf_text(&text), '\033'));
    strbuf_clear(&text);
    o.contents = false;
    report_leak_records(&text, &f->leaks, &f->p, &o);
    assert_null(strstr(strbuf_text(&text), "Hello"));
    strbuf_release(&text);
}

static void known_records_can_be_left_out(void **state)
{
    struct report_leak_options o = {.kinds = LEAK_KIND_ALL};
    struct fixture *f = *state;
    struct strbuf text;

    strbuf_init(&text);
    make_leak(&f->p, PARSE_MAIN, LEAK_DEFINITE, 1, 100);
    make(f);
    f->leaks.report.records[0].known = true;
    report_leak_records(&text, &f->leaks, &f->p, &o);
    assert_lines(&text, (const char *const[]){"#1  100 B", "   known\n", NULL});
    strbuf_clear(&text);
    o.new_only = true;
    report_leak_records(&text, &f->leaks, &f->p, &o);
    assert_string_equal(strbuf_text(&text), "");
    strbuf_release(&text);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(rows_of_a_stack_are_one_record),
        TEST(a_record_has_its_stack_and_the_line_to_look_at),
        TEST(weak_regions_are_told_apart),
        TEST(only_wanted_kinds_have_records),
        TEST(ages_narrow_records_and_keep_their_ids),
        TEST(filters_choose_rows),
        TEST(what_is_suppressed_is_counted),
        TEST(kinds_limit_rules),
        TEST(interior_pointers_can_count),
        TEST(without_a_search_all_is_reachable),
        TEST(a_search_that_could_not_look_says_why),
        TEST(every_incompleteness_has_a_sentence),
        TEST(what_a_search_did_without_is_said),
        TEST(the_summary_has_a_line_a_kind),
        TEST(a_clean_program_takes_a_line),
        TEST(a_record_for_people),
        TEST(known_records_can_be_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
