// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leakreport.h"

#include "src/host/report/leakbaseline.h"
#include "src/host/report/leaktext.h"
#include "src/host/report/report-leak.h"
#include "src/host/report/sourceroot.h"
#include "tests/unit/sample-leaks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LINES 6u

static const char *print_of(enum leak_kind kind, const struct leak_line *lines, uint32_t count)
{
    static char texts[4][LEAK_FINGERPRINT];
    static unsigned turn;
    const struct leak_line *stack[LINES];
    struct leak_record record = {.kind = kind, .stack = stack, .stack_count = count};
    char *text = texts[turn++ % 4];

    assert_in_range(count, 0, LINES);
    for (uint32_t i = 0; i < count; i++)
        stack[i] = &lines[i];

    leak_fingerprint(&record, text);
    assert_int_equal(strlen(text), LEAK_FINGERPRINT - 1);
    return text;
}

#define SAME(a, b)                                                                                 \
    assert_string_equal(print_of(LEAK_DEFINITE, a, sizeof a / sizeof *(a)),                        \
                        print_of(LEAK_DEFINITE, b, sizeof b / sizeof *(b)))
#define DIFFER(a, b)                                                                               \
    assert_string_not_equal(print_of(LEAK_DEFINITE, a, sizeof a / sizeof *(a)),                    \
                            print_of(LEAK_DEFINITE, b, sizeof b / sizeof *(b)))

static const struct leak_line first[] = {
    {"app::Pool::get(int)", "/a/pool.cc", "/a/bin/prog", 10, 0x1000, true, 0},
    {"walk", "/a/walk.c", "/a/bin/prog", 20, 0x1000, false, 0},
    {"lookup", "", "/usr/lib/libx.so.1.2", 0, 0x7000, false, 0},
    {"main", "/a/main.c", "/a/bin/prog", 30, 0x900, false, 0},
    {"__libc_start_main", "", "/lib/libc.so.6", 0, 0x8000, false, 0},
};

static void moved_lines_keep_the_fingerprint(void **state)
{
    /* other lines, files, folders, addresses, version, inlining, recursion and libc */
    static const struct leak_line moved[] = {
        {"app::Pool::get(long) [clone .cold]", "/b/new.cc", "/b/prog", 11, 0x2000, false, 0},
        {"walk", "/b/walk.c", "/b/prog", 25, 0x2100, false, 0},
        {"walk", "/b/walk.c", "/b/prog", 26, 0x2200, false, 0},
        {"lookup@@X_2", "", "/opt/libx.so.2", 0, 0x9000, false, 0},
        {"main", "/b/main.c", "/b/prog", 31, 0x901, false, 0},
        {"__libc_start_call_main", "", "/lib/libc.so.6", 0, 0x8100, false, 0},
    };

    (void)state;
    SAME(first, moved);
}

static void another_chain_has_another_fingerprint(void **state)
{
    static const struct leak_line renamed[] = {{"app::Pool::put(int)", "", "prog", 0, 0, false, 0},
                                               {"walk", "", "prog", 0, 0, false, 0},
                                               {"lookup", "", "libx.so", 0, 0, false, 0},
                                               {"main", "", "prog", 0, 0, false, 0}};
    static const struct leak_line shorter[] = {{"app::Pool::get(int)", "", "prog", 0, 0, false, 0},
                                               {"lookup", "", "libx.so", 0, 0, false, 0},
                                               {"main", "", "prog", 0, 0, false, 0}};
    static const struct leak_line elsewhere[] = {
        {"app::Pool::get(int)", "", "prog", 0, 0, false, 0},
        {"walk", "", "other", 0, 0, false, 0},
        {"lookup", "", "libx.so", 0, 0, false, 0},
        {"main", "", "prog", 0, 0, false, 0}};
    static const struct leak_line joined[] = {{"ab", "", "c", 0, 0, false, 0}};
    static const struct leak_line split[] = {{"a", "", "bc", 0, 0, false, 0}};

    (void)state;
    DIFFER(first, renamed);
    DIFFER(first, shorter);
    DIFFER(first, elsewhere);
    DIFFER(joined, split);
    assert_string_not_equal(print_of(LEAK_DEFINITE, first, 5), print_of(LEAK_POSSIBLE, first, 5));
}

/* FNV-1a of "reachable" in 128 bits, computed elsewhere: the fingerprint of no stack at all. */
static void fingerprints_are_the_same_everywhere(void **state)
{
    (void)state;
    assert_string_equal(print_of(LEAK_REACHABLE, NULL, 0), "573aac506a06946db49fd7fd51560d50");
}

static void records_are_sorted_and_numbered(void **state)
{
    struct leak_report r;

    (void)state;
    assert_true(sample_leaks(&r, "plain"));
    for (uint32_t i = 1; i < r.record_count; i++)
        assert_true(r.records[i - 1].bytes + r.records[i - 1].indirect_bytes >=
                    r.records[i].bytes + r.records[i].indirect_bytes);
    for (uint32_t i = 0; i < r.record_count; i++) {
        uint32_t ordinal = 1;

        for (uint32_t k = 0; k < i; k++)
            ordinal += strcmp(r.records[i].fingerprint, r.records[k].fingerprint) == 0;
        assert_int_equal(r.records[i].ordinal, ordinal);
    }
    /* the two that differ in lines only */
    assert_int_equal(r.records[5].ordinal, 2);
    assert_int_equal(leak_report_count(&r, LEAK_KIND_ALL), 6);
    assert_int_equal(leak_report_count(&r, LEAK_KIND_BIT(LEAK_POSSIBLE)), 0);
    leak_report_release(&r);
}

/* ------------------------------------------------------------------- paths -- */

static void relative(const char *root, const char *file, const char *expected)
{
    struct strbuf text;

    strbuf_init(&text);
    assert_int_equal(sourceroot_relative(&text, root, file), expected != NULL);
    assert_string_equal(strbuf_text(&text), expected ? expected : "");
    strbuf_release(&text);
}

static void records_are_found_by_their_ids(void **state)
{
    struct leak_report r;
    char text[LEAK_ID + 4];
    uint32_t numbered = 0;

    (void)state;
    assert_true(sample_leaks(&r, "plain"));
    for (uint32_t i = 0; i < r.record_count; i++) {
        const struct leak_record *record = &r.records[i];

        assert_true(leak_id_is(record->id));
        assert_memory_equal(record->id, record->fingerprint, 8);
        assert_ptr_equal(leak_report_find(&r, record->id), record);
        snprintf(text, sizeof text, "%s-1", record->id);
        if (strlen(record->id) == 8)
            assert_ptr_equal(leak_report_find(&r, text), record);
        else
            assert_null(leak_report_find(&r, text));
        numbered += strlen(record->id) > 8;
    }
    assert_int_equal(numbered, 1); /* the two that differ in a line only */
    assert_null(leak_report_find(&r, "00000000"));
    leak_report_release(&r);
}

static void what_looks_like_an_id(void **state)
{
    static const char *const wrong[] = {
        "",         "0123456",     "012345678",   "0x123456",
        "0123456g", "01234567-",   "01234567-0",  "01234567-2x",
        "ABCDEF01", "01234567 -2", "01234567--2", "01234567-12345678901"};

    (void)state;
    assert_true(leak_id_is("01234567"));
    assert_true(leak_id_is("abcdef01-12"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(leak_id_is(wrong[i]));
}

static void paths_below_the_root_become_relative(void **state)
{
    (void)state;
    relative("/src/app", "/src/app/x.c", "x.c");
    relative("/src/app/", "/src/app/d/x.c", "d/x.c");
    relative("/src/./app", "/src//app/d/../x.c", "x.c");
    relative("/", "/x.c", "x.c");
    relative("/src/app", "/src/apple/x.c", NULL);
    relative("/src/app", "/src/app", NULL);
    relative("/src/app", "/src/app/../x.c", NULL);
    relative("/src/app", "", NULL);
    relative("/src/app", "d/./x.c", "d/x.c");
    relative("/src/app", "../x.c", NULL);
    relative("/src/app", "d/../../x.c", NULL);
    relative("/src/app", ".", NULL);
    relative("", "/x.c", NULL);
    relative("/src/app", "/../src/app/x.c", "x.c");
}

static void uris_escape_what_paths_may_not_hold(void **state)
{
    struct strbuf text;

    (void)state;
    strbuf_init(&text);
    sourceroot_uri(&text, "/a b%c#d?e\xc3\xa4/x+y.c:");
    assert_string_equal(strbuf_text(&text), "/a%20b%25c%23d%3Fe%C3%A4/x+y.c%3A");
    strbuf_release(&text);
}

/* -------------------------------------------------------------------- text -- */

static void cleaned(const char *text, bool lines, const char *expected)
{
    struct strbuf out;

    strbuf_init(&out);
    leak_text_clean(&out, text, lines);
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_release(&out);
}

static void text_is_cleaned(void **state)
{
    (void)state;
    cleaned("a\xc3\xa4\n", true, "a\xc3\xa4\n");
    cleaned("a\n\t", false, "a\\x0a\\x09");
    cleaned("\x1b[31m\x7f", true, "\\x1b[31m\\x7f");
    cleaned("\xff\xc3", true, "\xef\xbf\xbd\xef\xbf\xbd");
    cleaned("\xef\xbf\xbf", true, "\\xffff");
    cleaned("\xe2\x80\xae", true, "\\u202e");
}

static void a_leak_in_words(void **state)
{
    struct leak_record record = {.kind = LEAK_DEFINITE,
                                 .bytes = 1024,
                                 .blocks = 2,
                                 .indirect_bytes = 1,
                                 .indirect_blocks = 1,
                                 .cycle_blocks = 2,
                                 .held_by = "",
                                 .stack = (const struct leak_line *[]){&first[0]},
                                 .stack_count = 1};
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    leak_text_summary(&out, &record);
    assert_string_equal(strbuf_text(&out),
                        "1,024 bytes in 2 blocks definitely lost, and 1 byte in 1 block below "
                        "them, in a cycle of 2 blocks that refer to each other");
    strbuf_clear(&out);
    leak_text_place(&out, &record, &first[1]);
    assert_string_equal(strbuf_text(&out), "allocated in walk() (/a/walk.c:20)");
    strbuf_clear(&out);
    record = (struct leak_record){.kind = LEAK_WEAK, .bytes = 8, .blocks = 1, .held_by = "cache"};
    leak_text_summary(&out, &record);
    assert_string_equal(strbuf_text(&out), "8 bytes in 1 block held by cache only");
    strbuf_release(&out);
}

/* A place without a name is the same one in every run: not an address. */
static void a_line_in_words(void **state)
{
    struct leak_line line = {"", "", "/opt/lib/libfoo.so.1", 0, 0x7f0000002004, false, 0x2004};
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    leak_text_line(&out, &line);
    assert_string_equal(strbuf_text(&out), "libfoo.so.1+0x2004");
    line.function = "foo";
    strbuf_clear(&out);
    leak_text_line(&out, &line);
    assert_string_equal(strbuf_text(&out), "foo() in libfoo.so.1");
    line = (struct leak_line){"", "", "", 0, 0x7f0000002004, false, 0};
    strbuf_clear(&out);
    leak_text_line(&out, &line);
    assert_string_equal(strbuf_text(&out), "0x7f0000002004");
    strbuf_release(&out);
}

/* ------------------------------------------------------------------ limits -- */

static char *written(int (*write)(FILE *, const struct leak_report *, const struct leak_format *,
                                  struct error *),
                     const struct leak_report *r, uint32_t most, size_t *size)
{
    struct leak_format f = {SAMPLE_ROOT, LEAK_KIND_BIT(LEAK_DEFINITE), most};
    char *text = NULL;
    FILE *out = open_memstream(&text, size);

    assert_non_null(out);
    assert_int_equal(write(out, r, &f, NULL), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Every format: with what is kept of the report's lines, and without. */
static void kept_lines_change_no_report(void **state)
{
    static int (*const writers[])(FILE *, const struct leak_report *, const struct leak_format *,
                                  struct error *) = {
        report_leak_json,   report_leak_sarif,    report_leak_junit,   report_leak_github,
        report_leak_gitlab, report_leak_markdown, report_leak_memcheck};
    struct leak_report r;

    (void)state;
    assert_true(sample_leaks(&r, "many"));
    assert_true(r.line_count != 0);
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        struct leak_report bare = r;
        size_t kept_size, bare_size;
        char *kept = written(writers[i], &r, 100, &kept_size), *without;

        bare.lines = NULL;
        bare.line_count = 0;
        without = written(writers[i], &bare, 100, &bare_size);
        assert_int_equal(kept_size, bare_size);
        assert_memory_equal(kept, without, kept_size);
        free(kept);
        free(without);
    }
    leak_report_release(&r);
}

static uint32_t occurrences(const char *text, const char *what)
{
    uint32_t count = 0;

    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        count++;
    return count;
}

static void a_limit_of_records_holds_in_every_format(void **state)
{
    struct leak_report r;
    size_t size;
    char *text;

    (void)state;
    assert_true(sample_leaks(&r, "plain"));
    text = written(report_leak_json, &r, 2, &size);
    assert_int_equal(occurrences(text, "\"kind\""), 2);
    assert_non_null(strstr(text, "\"omitted_records\": 5"));
    free(text);
    text = written(report_leak_sarif, &r, 2, &size);
    assert_int_equal(occurrences(text, "\"ruleIndex\""), 2);
    assert_non_null(strstr(text, "5 smaller leaks are left out"));
    free(text);
    text = written(report_leak_junit, &r, 2, &size);
    assert_int_equal(occurrences(text, "<testcase"), 2);
    assert_non_null(strstr(text, "5 smaller leaks are left out"));
    free(text);
    text = written(report_leak_github, &r, 2, &size);
    assert_int_equal(occurrences(text, "\n"), 3);
    assert_non_null(strstr(text, "the 2 largest are shown here; 1 known"));
    free(text);
    text = written(report_leak_gitlab, &r, 2, &size);
    assert_int_equal(occurrences(text, "check_name"), 2);
    free(text);
    text = written(report_leak_markdown, &r, 2, &size);
    assert_int_equal(occurrences(text, "<details>"), 2);
    assert_non_null(strstr(text, "5 smaller leaks are left out"));
    free(text);
    leak_report_release(&r);
}

static void a_full_disk_is_an_error(void **state)
{
    struct leak_format f = {SAMPLE_ROOT, 0, 0};
    struct error e = {0};
    struct leak_report r;
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    if (!full)
        skip();
    assert_true(sample_leaks(&r, "plain"));
    assert_int_equal(report_leak_sarif(full, &r, &f, &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    fclose(full);
    leak_report_release(&r);
}

/* ---------------------------------------------------------------- baseline -- */

static char path[] = "/tmp/test-leakreport-XXXXXX";

static void save(const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static void what_is_written_is_known(void **state)
{
    struct leakbaseline b;
    struct leak_report r;
    size_t size;
    char *text;

    (void)state;
    assert_true(sample_leaks(&r, "plain"));
    text = written(sample_leaks_write_known, &r, 0, &size);
    save(text);
    free(text);
    assert_int_equal(leakbaseline_read(&b, path, NULL), 0);
    assert_int_equal(b.count, 2); /* three definite records, two of one fingerprint */
    assert_int_equal(leakbaseline_apply(&b, &r), 0);
    for (uint32_t i = 0; i < r.record_count; i++)
        assert_int_equal(r.records[i].known, r.records[i].kind == LEAK_DEFINITE);

    /* one more through the same functions is new: the smallest */
    assert_int_equal(leak_report_add(&r, &r.records[5], NULL), 0);
    r.records[r.record_count - 1].bytes = 3;
    leak_report_finish(&r);
    assert_int_equal(leakbaseline_apply(&b, &r), 0);
    assert_int_equal(leak_report_count(&r, LEAK_KIND_BIT(LEAK_DEFINITE)), 1);
    assert_int_equal(r.records[6].bytes, 3);
    assert_false(r.records[6].known);

    leakbaseline_release(&b);
    leak_report_release(&r);
}

/* Two processes of one program, then one that has a leak less. */
static void each_process_counts_for_itself(void **state)
{
    struct leakbaseline_draft draft;
    struct leak_report r, empty;
    struct leakbaseline b;
    FILE *out;

    (void)state;
    assert_true(sample_leaks(&r, "plain"));
    assert_true(sample_leaks(&empty, "empty"));
    leakbaseline_draft_init(&draft);
    assert_int_equal(leakbaseline_draft_add(&draft, &empty, LEAK_KIND_ALL, NULL), 0);
    assert_int_equal(draft.count, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(leakbaseline_draft_add(&draft, &r, LEAK_KIND_BIT(LEAK_DEFINITE), NULL), 0);
    assert_int_equal(draft.count, 2);
    assert_int_equal(leakbaseline_draft_records(&draft), 3);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(leakbaseline_write(out, &draft, NULL), 0);
    assert_int_equal(fclose(out), 0);
    leakbaseline_draft_release(&draft);

    assert_int_equal(leakbaseline_read(&b, path, NULL), 0);
    assert_int_equal(leakbaseline_apply(&b, &empty), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(leakbaseline_apply(&b, &r), 0);
        assert_int_equal(leak_report_count(&r, LEAK_KIND_BIT(LEAK_DEFINITE)), 0);
    }
    assert_int_equal(leakbaseline_apply(&b, &empty), 0); /* others had them */
    leakbaseline_release(&b);
    leak_report_release(&empty);
    leak_report_release(&r);
}

static void a_leak_that_is_gone_is_told(void **state)
{
    struct leakbaseline b;
    struct leak_report r;

    (void)state;
    save("{\"memprof_known_leaks\": 1, \"leaks\": ["
         "{\"fingerprint\": \"00112233445566778899aabbccddeeff\"},"
         "{\"fingerprint\": \"00112233445566778899aabbccddeeff\", \"records\": 3}]}");
    assert_int_equal(leakbaseline_read(&b, path, NULL), 0);
    assert_int_equal(b.count, 1);
    assert_int_equal(b.entries[0].records, 3);
    assert_true(sample_leaks(&r, "empty"));
    assert_int_equal(leakbaseline_apply(&b, &r), 1);
    leakbaseline_release(&b);
    leak_report_release(&r);
}

static void other_files_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{}",
        "{\"memprof_known_leaks\": 1}",
        "{\"memprof_known_leaks\": 2, \"leaks\": []}",
        "{\"memprof_known_leaks\": \"1\", \"leaks\": []}",
        "{\"memprof_known_leaks\": 1, \"leaks\": {}}",
        "{\"memprof_known_leaks\": 1, \"leaks\": [1]}",
        "{\"memprof_known_leaks\": 1, \"leaks\": [{}]}",
        "{\"memprof_known_leaks\": 1, \"leaks\": [{\"fingerprint\": \"xyz\"}]}",
        "{\"memprof_known_leaks\": 1, \"leaks\": [{\"fingerprint\": "
        "\"00112233445566778899aabbccddeeff\", \"records\": 0}]}",
        "{\"memprof_known_leaks\": 1, \"leaks\": [{\"fingerprint\": "
        "\"00112233445566778899aabbccddeeff\", \"records\": \"1\"}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct leakbaseline b;
        struct error e = {0};

        save(texts[i]);
        assert_int_equal(leakbaseline_read(&b, path, &e), -1);
        assert_int_equal(e.kind, ERROR_FORMAT);
        assert_non_null(strstr(e.text, path));
        assert_null(b.entries);
    }
    unlink(path);
    assert_int_equal(leakbaseline_read(&(struct leakbaseline){0}, path, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_lines_keep_the_fingerprint),
        cmocka_unit_test(another_chain_has_another_fingerprint),
        cmocka_unit_test(fingerprints_are_the_same_everywhere),
        cmocka_unit_test(records_are_sorted_and_numbered),
        cmocka_unit_test(records_are_found_by_their_ids),
        cmocka_unit_test(what_looks_like_an_id),
        cmocka_unit_test(paths_below_the_root_become_relative),
        cmocka_unit_test(uris_escape_what_paths_may_not_hold),
        cmocka_unit_test(text_is_cleaned),
        cmocka_unit_test(a_leak_in_words),
        cmocka_unit_test(a_line_in_words),
        cmocka_unit_test(kept_lines_change_no_report),
        cmocka_unit_test(a_limit_of_records_holds_in_every_format),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(what_is_written_is_known),
        cmocka_unit_test(each_process_counts_for_itself),
        cmocka_unit_test(a_leak_that_is_gone_is_told),
        cmocka_unit_test(other_files_are_refused),
    };
    int file = mkstemp(path), result;

    if (file < 0)
        return 1;
    close(file);
    result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return result;
}
