// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress.h"

#include "src/host/suppress/suppress-builtin.h"
#include "src/host/suppress/suppress-generate.h"
#include "src/host/suppress/suppress-pattern.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --------------------------------------------------------------- patterns -- */

/* Whatever matches a part of a text may match by the first look; what cannot is told by it. */
static void a_first_look_misses_nothing(void **state)
{
    static const char *const patterns[] = {"",   "*",   "?",   "a",    "ab", "a*",
                                           "*a", "?b*", "b?a", "**ba", "c*"};
    static const char text[] = "aabba";

    (void)state;
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++)
        for (size_t from = 0; from < sizeof text; from++)
            for (size_t to = from; to < sizeof text; to++)
                assert_true(!suppress_glob_part(patterns[p], text + from, to - from) ||
                            suppress_may_match(patterns[p], text));
    assert_false(suppress_may_match("c*", text));
    assert_false(suppress_may_match("**bab", text));
}

static void globs_are_valgrinds(void **state)
{
    (void)state;
    assert_true(suppress_glob("malloc", "malloc"));
    assert_false(suppress_glob("malloc", "malloc2"));
    assert_false(suppress_glob("alloc", "malloc"));
    assert_true(suppress_glob("*alloc", "calloc"));
    assert_true(suppress_glob("a*b*c", "axxbyyc"));
    assert_true(suppress_glob("a*b*c", "abcbc"));
    assert_false(suppress_glob("a*b*c", "acb"));
    assert_true(suppress_glob("?", "x"));
    assert_false(suppress_glob("?", ""));
    assert_true(suppress_glob("*", ""));
    assert_true(suppress_glob("", ""));
    assert_true(suppress_glob("f?o*", "foo"));
    assert_true(suppress_glob("*/ld-2.*.so*", "/lib/ld-2.36.so.1"));
}

static void templates_are_leaksanitizers(void **state)
{
    (void)state;
    assert_true(suppress_template("foo", "xfoox"));
    assert_false(suppress_template("foo", "fo"));
    assert_true(suppress_template("^foo", "foobar"));
    assert_false(suppress_template("^foo", "xfoo"));
    assert_true(suppress_template("foo$", "xfoo"));
    assert_true(suppress_template("foo$", "foofoo"));
    assert_false(suppress_template("foo$", "foox"));
    assert_true(suppress_template("^foo$", "foo"));
    assert_false(suppress_template("^foo$", "foo2"));
    assert_true(suppress_template("a*c", "xaxxcx"));
    assert_false(suppress_template("a*c", "ca"));
    assert_true(suppress_template("^a*c$", "abcc"));
    assert_false(suppress_template("^a*c$", "abcd"));
    assert_true(suppress_template("*", "anything"));
    assert_false(suppress_template("*", ""));
    assert_true(suppress_template("foo*$", "foobar"));
    assert_true(suppress_template("foo$ignored", "foo"));
    assert_false(suppress_template("^*b$", "a"));
}

/* ---------------------------------------------------------------- reading -- */

static struct suppressions set;

static void read_text(const char *text)
{
    struct error e = {0};

    suppressions_init(&set);
    assert_int_equal(suppressions_add(&set, text, strlen(text), "file.supp", &e), 0);
}

static void refuses(const char *text, const char *says)
{
    struct error e = {0};

    suppressions_init(&set);
    assert_int_equal(suppressions_add(&set, text, strlen(text), "file.supp", &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_non_null(strstr(e.text, says));
    suppressions_release(&set);
}

static void errors_name_file_and_line(void **state)
{
    (void)state;
    refuses("leak:a\n\nnonsense\n", "file.supp:3: ");
    refuses("leek:a\n", "file.supp:1: ");
    refuses("leak:\n", "file.supp:1: ");
    refuses("{\n x\n Memcheck:Leak\n fun:a\n", "file.supp:4: the file ends inside");
    refuses("{\n x\n Helgrind:Race\n fun:a\n", "file.supp:4: the file ends inside");
    refuses("{\n x\n", "file.supp:2: the file ends inside");
    refuses("{\n x\n Memcheck\n fun:a\n}\n", "file.supp:3: expected TOOL:KIND");
    refuses("{\n x\n Memcheck:Leak\n fan:a\n}\n", "file.supp:4: expected fun:");
    refuses("{\n x\n Memcheck:Leak\n fun:\n}\n", "file.supp:4: nothing follows");
    refuses("{\n x\n Memcheck:Leak\n}\n", "file.supp:4: a suppression without a frame");
    refuses("{\n x\n Memcheck:Leak\n match-leak-kinds: lots\n fun:a\n}\n", "file.supp:4: 'lots'");
    refuses("{\n x\n Memcheck:Leak\n fun:a\n match-leak-kinds: all\n}\n", "file.supp:5: ");
    refuses("{\n x\n Memcheck:Leak\n fun:a\n}\nfun:b\n", "file.supp:6: expected an opening brace");
}

static void a_rule_has_24_frames_at_most(void **state)
{
    char text[1024] = "{\n many\n Memcheck:Leak\n";

    (void)state;
    for (int i = 0; i < 24; i++)
        strcat(text, " fun:a\n");
    strcat(text, "}\n");
    read_text(text);
    assert_int_equal(set.rules[0].count, 24);
    suppressions_release(&set);
    text[strlen(text) - 2] = '\0';
    strcat(text, " fun:b\n}\n");
    refuses(text, "file.supp:28: more than 24 frames");
}

/* A rule that fails leaves nothing of itself behind. */
static void rules_before_an_error_stay(void **state)
{
    static const char text[] = "{\n good\n Memcheck:Leak\n fun:a\n}\n"
                               "{\n bad\n Memcheck:Leak\n fun:b\n what\n}\n";

    (void)state;
    suppressions_init(&set);
    assert_int_equal(suppressions_add(&set, text, strlen(text), "x", NULL), -1);
    assert_int_equal(set.rule_count, 1);
    assert_int_equal(set.line_count, 1);
    suppressions_release(&set);
    suppressions_init(&set);
    assert_int_equal(suppressions_add(&set, "a\0b", 3, "x", NULL), -1);
    suppressions_release(&set);
}

static void comments_spaces_and_other_kinds_are_read_over(void **state)
{
    (void)state;
    read_text("# comment\n  leak: spaces stay inside \t\r\n\n\tleak:b\nrace:c\nvptr:d");
    assert_int_equal(set.rule_count, 2);
    assert_int_equal(set.skipped, 2);
    assert_string_equal(set.rules[0].name, " spaces stay inside");
    assert_int_equal(set.rules[0].at, 2);
    assert_string_equal(set.rules[1].source, "file.supp");
    suppressions_release(&set);

    read_text("#x\n{\n  name # no comment\n  Addrcheck,Memcheck:Leak\n# in it\n  fun:a@@GLIBC_2.2\n"
              "  ...\n\n  src:dir/f.c:12\n  src:g.c\n  obj:*/libx.so*\n}\r\n"
              "{\n  other\n  Memcheck:Param\n  write(buf)\n  fun:b\n}\n"
              "{\n  race\n  Helgrind:Race\n  fun:b\n}\n");
    assert_int_equal(set.rule_count, 1);
    assert_int_equal(set.skipped, 2);
    assert_string_equal(set.rules[0].name, "name # no comment");
    assert_int_equal(set.rules[0].kinds, LEAK_KIND_ALL);
    assert_int_equal(set.rules[0].count, 5);
    assert_string_equal(set.lines[0].pattern, "a");
    assert_int_equal(set.lines[1].kind, SUPPRESS_ANY);
    assert_string_equal(set.lines[2].pattern, "dir/f.c");
    assert_int_equal(set.lines[2].number, 12);
    assert_int_equal(set.lines[3].number, 0);
    assert_int_equal(set.lines[4].kind, SUPPRESS_OBJECT);
    suppressions_release(&set);
}

/* --------------------------------------------------------------- matching -- */

#define PROGRAM "/usr/bin/prog"
static const struct suppress_frame stack[] = {
    {"app::Pool<int>::grow(unsigned long)", NULL, "/src/app/pool.cc", PROGRAM, 17},
    {"helper", "helper", "/src/app/helper.c", PROGRAM, 5},
    {"", NULL, "", "/usr/lib/x86_64-linux-gnu/libfoo.so.1", 0},
    {"dlopen", "dlopen@@GLIBC_2.34", "dlopen.c", "/usr/lib/x86_64-linux-gnu/libc.so.6", 81},
    {"main", "main", "/src/app/main.c", PROGRAM, 40},
};
#define DEPTH (sizeof stack / sizeof *stack)

/* At once, and sifted by the set of rules that each line asks for. */
static struct suppress_rule *match_both_ways(enum leak_kind kind,
                                             const struct suppress_frame *frames, uint32_t count)
{
    struct suppress_rule *rule = suppressions_match(&set, kind, frames, count);
    uint64_t of_kind[4] = {0}, sifted[4] = {0};

    assert_true(suppress_set_words(&set) <= 4);
    suppress_set_kind(&set, kind, of_kind);
    suppress_set_any(&set, sifted);
    for (uint32_t i = 0; i < count; i++)
        suppress_set_line(&set, &frames[i], sifted);
    for (size_t i = 0; i < 4; i++)
        sifted[i] &= of_kind[i];
    assert_ptr_equal(suppressions_match_among(&set, sifted, frames, count), rule);
    return rule;
}

static bool matches(const char *lines)
{
    char text[1024];
    bool result;

    snprintf(text, sizeof text, "{\n x\n Memcheck:Leak\n%s\n}\n", lines);
    read_text(text);
    result = match_both_ways(LEAK_DEFINITE, stack, DEPTH) != NULL;
    suppressions_release(&set);
    return result;
}

static bool matches_lsan(const char *pattern)
{
    char text[256];
    bool result;

    snprintf(text, sizeof text, "leak:%s\n", pattern);
    read_text(text);
    result = match_both_ways(LEAK_DEFINITE, stack, DEPTH) != NULL;
    suppressions_release(&set);
    return result;
}

static void lines_match_the_innermost_frames(void **state)
{
    (void)state;
    assert_true(matches("fun:app::Pool*"));
    assert_true(matches("fun:*\nfun:helper\nobj:*/libfoo.so*\nfun:dlopen@@GLIBC_2.2.5"));
    assert_true(matches("fun:*\nfun:helper\nfun:???"));
    assert_false(matches("fun:helper"));
    assert_true(matches("...\nfun:helper"));
    assert_true(matches("...\nfun:main"));
    assert_true(matches("...\nfun:helper\n...\nfun:main"));
    assert_false(matches("...\nfun:main\n...\nfun:helper"));
    assert_false(matches("...\nfun:helper\nfun:main"));
    assert_true(matches("...\nobj:/lib/x86_64-linux-gnu/libc.so*\nfun:main"));
    assert_true(matches("src:pool.cc\nsrc:/src/*/helper.c:5"));
    assert_false(matches("src:pool.cc\nsrc:helper.c:6"));
    /* five frames, and the allocator's, which the first line may mean */
    assert_true(matches("fun:*\nfun:*\nfun:*\nfun:*\nfun:*\nfun:*"));
    assert_false(matches("fun:*\nfun:*\nfun:*\nfun:*\nfun:*\nfun:*\nfun:*"));
    assert_true(matches("..."));
    assert_true(matches("...\n...\nfun:main\n..."));
}

/* Valgrind's stacks have one frame more: which of its functions was called. */
static void the_allocators_own_frame_may_be_missing(void **state)
{
    (void)state;
    assert_true(matches("fun:malloc\nfun:app::*\nfun:helper"));
    assert_true(matches("fun:*alloc\nfun:app::*"));
    assert_true(matches("fun:_Znwm\nfun:app::*"));
    assert_true(matches("fun:malloc\n...\nfun:main"));
    assert_false(matches("fun:mallocs\nfun:app::*"));
    assert_false(matches("fun:malloc\nfun:malloc\nfun:app::*")); /* one only */
    assert_false(matches("fun:app::*\nfun:malloc\nfun:helper")); /* and the first */
}

static void mangled_names_mean_the_readable_ones(void **state)
{
    static const struct suppress_frame cxx[] = {
        {"app::Store::get(int) const", NULL, "", PROGRAM, 0},
        {"app::Store::Store()", NULL, "", PROGRAM, 0},
        {"run(app::Store&)", NULL, "", PROGRAM, 0},
    };
    static const struct {
        const char *rule;
        bool matches;
    } cases[] = {
        {"fun:_ZNK3app5Store3getEi\nfun:_ZN3app5StoreC1Ev\nfun:_Z3runRN3app5StoreE", true},
        {"fun:_ZNK3app5Store3getEl", false},
        {"fun:_ZNK3app5Store3getE*\nfun:*5Store*\nfun:_Z3run*", true},
        {"fun:_ZN3app4Pool3getE*", false},
        {"fun:_ZN3app*", true},
        {"fun:_ZNK3app5StorI*", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];

        snprintf(text, sizeof text, "{\nx\nMemcheck:Leak\n%s\n}\n", cases[i].rule);
        read_text(text);
        assert_int_equal(match_both_ways(LEAK_DEFINITE, cxx, 3) != NULL, cases[i].matches);
        suppressions_release(&set);
    }
}

static void a_template_matches_anywhere_in_the_stack(void **state)
{
    (void)state;
    assert_true(matches_lsan("helper"));
    assert_true(matches_lsan("^main$"));
    assert_true(matches_lsan("libfoo.so"));
    assert_true(matches_lsan("src/app/pool"));
    assert_true(matches_lsan("app::Pool<*>::grow"));
    assert_false(matches_lsan("^pool"));
    assert_false(matches_lsan("libbar"));
}

static void kinds_limit_a_rule(void **state)
{
    (void)state;
    read_text("{\nx\nMemcheck:Leak\nmatch-leak-kinds: possible,reachable\n...\n}\n");
    assert_null(match_both_ways(LEAK_DEFINITE, stack, DEPTH));
    assert_null(match_both_ways(LEAK_INDIRECT, stack, DEPTH));
    assert_non_null(match_both_ways(LEAK_POSSIBLE, stack, DEPTH));
    assert_non_null(match_both_ways(LEAK_REACHABLE, stack, DEPTH));
    suppressions_release(&set);
}

static void uses_are_counted_and_the_unused_listed(void **state)
{
    struct suppress_rule *rule;
    uint32_t at = 0;

    (void)state;
    read_text("leak:nothing\nleak:helper\nleak:main\n");
    rule = match_both_ways(LEAK_DEFINITE, stack, DEPTH);
    assert_string_equal(rule->name, "helper"); /* the first that matches */
    suppress_use(rule, 2, 100);
    suppress_use(rule, 1, 8);
    assert_int_equal(rule->records, 2);
    assert_int_equal(rule->blocks, 3);
    assert_int_equal(rule->bytes, 108);
    assert_string_equal(suppressions_unused(&set, &at)->name, "nothing");
    assert_string_equal(suppressions_unused(&set, &at)->name, "main");
    assert_null(suppressions_unused(&set, &at));
    suppressions_release(&set);
}

/* -------------------------------------------------------------- generating -- */

/* What is generated reads back as one rule, which matches the stack it is from and its kind only.
 */
static void round_trip(const struct suppress_frame *frames, uint32_t count, const char *name)
{
    struct strbuf text;

    strbuf_init(&text);
    suppress_generate_valgrind(&text, name, LEAK_POSSIBLE, frames, count);
    read_text(strbuf_text(&text));
    assert_int_equal(set.rule_count, 1);
    assert_non_null(match_both_ways(LEAK_POSSIBLE, frames, count));
    assert_null(match_both_ways(LEAK_DEFINITE, frames, count));
    suppressions_release(&set);
    strbuf_clear(&text);
    if (suppress_generate_lsan(&text, frames, count, 0)) {
        read_text(strbuf_text(&text));
        assert_int_equal(set.rule_count, 1);
        assert_non_null(match_both_ways(LEAK_POSSIBLE, frames, count));
        suppressions_release(&set);
    } else {
        assert_int_equal(text.length, 0);
    }
    strbuf_release(&text);
}

static void generated_rules_match_their_stack(void **state)
{
    static const char *const names[] = {
        "plain",
        "app::Pool::get(int)",
        "operator new[](unsigned long)",
        "app::Pool<int>::grow<char*>(unsigned long) const [clone .cold]",
        "app::operator*(app::V const&)",
        "main::$_0::operator()() const",
        "$leading",
        "^caret",
        "line\nbreak\r}",
        " spaces ",
        "(anonymous namespace)::f()",
        "_RNvCs1234_7mycrate3foo",
        "9digits",
        "{",
        "\x01\x7f",
        "naïve::größe()",
        " [clone .cold]", /* nothing is left before the suffix */
    };

    (void)state;
    round_trip(stack, DEPTH, "a title");
    round_trip(stack, 0, "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct suppress_frame frames[] = {{names[i], NULL, "f.c", "/lib/x.so", 1},
                                          {"main", "main", "", "", 0}};
        struct suppress_frame by_module[] = {{"", NULL, "", names[i], 0}};
        struct suppress_frame by_symbol[] = {{"f", names[i], "", "", 0}};

        round_trip(frames, 2, names[i]);
        round_trip(by_module, 1, names[i]);
        round_trip(by_symbol, 1, names[i]);
    }
}

/* Templates make names of thousands of characters. */
static void long_names_are_matched(void **state)
{
    char name[4000];

    (void)state;
    for (size_t length = 100; length < sizeof name - 100; length *= 2) {
        struct suppress_frame frame = {name, NULL, "", "", 0};

        memset(name, 'x', length);
        strcpy(name + length, "<1> y@V1");
        round_trip(&frame, 1, "long");
        strcpy(name + length, "::f(int)");
        round_trip(&frame, 1, "long");
    }
}

static void long_stacks_are_cut_at_what_valgrind_reads(void **state)
{
    struct suppress_frame frames[100];

    (void)state;
    for (size_t i = 0; i < 100; i++)
        frames[i] = stack[1];
    round_trip(frames, 100, "deep");
}

static void generated_text_is_the_usual_form(void **state)
{
    struct strbuf text;

    (void)state;
    strbuf_init(&text);
    suppress_generate_valgrind(&text, "grow in pool.cc", LEAK_DEFINITE, stack + 1, 3);
    assert_string_equal(strbuf_text(&text), "{\n   grow in pool.cc\n   Memcheck:Leak\n"
                                            "   match-leak-kinds: definite\n   ...\n"
                                            "   fun:helper\n"
                                            "   obj:/usr/lib/x86_64-linux-gnu/libfoo.so.1\n"
                                            "   fun:dlopen\n}\n");
    strbuf_clear(&text);
    assert_true(suppress_generate_lsan(&text, stack + 1, 3, 0));
    assert_string_equal(strbuf_text(&text), "leak:helper\n");
    strbuf_clear(&text);
    assert_true(suppress_generate_lsan(&text, stack + 1, 3, 1)); /* which has no function */
    assert_string_equal(strbuf_text(&text), "leak:dlopen\n");
    strbuf_clear(&text);
    assert_true(suppress_generate_lsan(&text, stack + 1, 2, 1)); /* nor has any after it */
    assert_string_equal(strbuf_text(&text), "leak:helper\n");
    strbuf_clear(&text);
    assert_true(suppress_generate_lsan(&text, stack + 1, 3, 7));
    assert_string_equal(strbuf_text(&text), "leak:helper\n");
    strbuf_release(&text);
}

/* --------------------------------------------------------------- built in -- */

static void the_builtin_list_is_read_and_shown(void **state)
{
    static const struct suppress_frame tls[] = {
        {"_dl_allocate_tls", NULL, "", "/lib64/ld-linux-x86-64.so.2", 0},
        {"pthread_create", NULL, "", "/lib/x86_64-linux-gnu/libc.so.6", 0},
        {"main", NULL, "", PROGRAM, 0},
    };
    struct suppressions s;
    struct strbuf text;

    (void)state;
    suppressions_init(&s);
    assert_int_equal(suppress_builtin_add(&s, NULL), 0);
    assert_true(s.rule_count > 20);
    assert_int_equal(s.skipped, 0);
    assert_non_null(suppressions_match(&s, LEAK_POSSIBLE, tls, 3));
    assert_null(suppressions_match(&s, LEAK_DEFINITE, tls, 3));
    for (enum leak_kind k = 0; k < LEAK_KINDS; k++) /* none takes what is not its own */
        assert_null(suppressions_match(&s, k, stack, 2));
    strbuf_init(&text);
    suppress_builtin_show(&text);
    for (uint32_t i = 0; i < s.rule_count; i++)
        assert_non_null(strstr(strbuf_text(&text), s.rules[i].name));
    strbuf_release(&text);
    suppressions_release(&s);
}

/* What Debian's valgrind installs, and what is counted in it by another way. */
static uint32_t count_lines(const char *path, const char *word)
{
    FILE *in = fopen(path, "r");
    char line[4096];
    uint32_t count = 0;

    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        count += strncmp(line + strspn(line, " \t"), word, strlen(word)) == 0;
    fclose(in);
    return count;
}

static void installed_files_parse_whole(void **state)
{
    static const char *const patterns[] = {
        "/usr/lib/valgrind/*.supp",
        "/usr/libexec/valgrind/*.supp",
        "/usr/lib/*/valgrind/*.supp",
    };
    uint32_t files = 0;

    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        glob_t found;

        if (glob(patterns[i], 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++, files++) {
            struct error e = {0};

            suppressions_init(&set);
            if (suppressions_read(&set, found.gl_pathv[k], &e) != 0)
                fail_msg("%s", e.text);
            assert_int_equal(set.rule_count + set.skipped, count_lines(found.gl_pathv[k], "{"));
            assert_int_equal(set.rule_count, count_lines(found.gl_pathv[k], "Memcheck:Leak"));
            suppressions_release(&set);
        }
        globfree(&found);
    }
    if (files == 0)
        skip();
}

static void files_that_cannot_be_read_say_so(void **state)
{
    struct error e = {0};

    (void)state;
    suppressions_init(&set);
    assert_int_equal(suppressions_read(&set, "/nonexistent/x.supp", &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_non_null(strstr(e.text, "/nonexistent/x.supp"));
    assert_int_equal(suppressions_read(&set, "/", &e), -1);
    suppressions_release(&set);
}

static void what_was_added_is_taken_back(void **state)
{
    const struct suppress_frame frames[] = {{"mine", "", "", "", 0}, {"yours", "", "", "", 0}};
    struct suppressions_mark before;

    (void)state;
    read_text("leak:yours\n");
    before = suppressions_mark(&set);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(suppressions_add(&set, "leak:mine\nleak:other\n", 21, "own", NULL), 0);
        assert_non_null(suppressions_match(&set, LEAK_DEFINITE, frames, 1));
        suppressions_take_back(&set, before);
        assert_null(suppressions_match(&set, LEAK_DEFINITE, frames, 1));
        assert_non_null(suppressions_match(&set, LEAK_DEFINITE, frames + 1, 1));
    }
    suppressions_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_taken_back),
        cmocka_unit_test(a_first_look_misses_nothing),
        cmocka_unit_test(globs_are_valgrinds),
        cmocka_unit_test(templates_are_leaksanitizers),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(a_rule_has_24_frames_at_most),
        cmocka_unit_test(rules_before_an_error_stay),
        cmocka_unit_test(comments_spaces_and_other_kinds_are_read_over),
        cmocka_unit_test(lines_match_the_innermost_frames),
        cmocka_unit_test(the_allocators_own_frame_may_be_missing),
        cmocka_unit_test(mangled_names_mean_the_readable_ones),
        cmocka_unit_test(a_template_matches_anywhere_in_the_stack),
        cmocka_unit_test(kinds_limit_a_rule),
        cmocka_unit_test(uses_are_counted_and_the_unused_listed),
        cmocka_unit_test(generated_rules_match_their_stack),
        cmocka_unit_test(long_stacks_are_cut_at_what_valgrind_reads),
        cmocka_unit_test(long_names_are_matched),
        cmocka_unit_test(generated_text_is_the_usual_form),
        cmocka_unit_test(the_builtin_list_is_read_and_shown),
        cmocka_unit_test(installed_files_parse_whole),
        cmocka_unit_test(files_that_cannot_be_read_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
