// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-text.h"
#include "src/host/view/lossnotes.h"

#include "src/host/text/escape.h"
#include "src/host/view/filter.h"
#include "src/host/view/location.h"
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

static void assert_has(const struct strbuf *out, const char *part)
{
    assert_false(out->failed);
    if (!strstr(strbuf_text(out), part))
        fail_msg("no \"%s\" in:\n%s", part, strbuf_text(out));
}

static void add_view(struct strbuf *out, const struct profile *p, struct view_options options,
                     struct report_text_options text)
{
    struct view v;
    struct error e;

    assert_int_equal(view_build(&v, p, &options, &e), 0);
    report_text_view(out, p, &v, &text);
    view_release(&v);
}

static void the_process_is_named_with_its_end(void **state)
{
    static const struct {
        uint32_t kind;
        int32_t value;
        const char *text;
    } cases[] = {
        {EXIT_STATUS, 0, "app (pid 4242) ran 0.43 s, exit 0"},
        {EXIT_STATUS, 3, "app (pid 4242) ran 0.43 s, exit 3"},
        {EXIT_SIGNAL, 11, "app (pid 4242) ran 0.43 s, killed by signal 11 (SIGSEGV)"},
        {EXIT_SIGNAL, 40, "app (pid 4242) ran 0.43 s, killed by signal 40"},
        {EXIT_EXECUTED, 0, "app (pid 4242) ran 0.43 s, then executed another program"},
        {EXIT_UNKNOWN, 0, "app (pid 4242) ran 0.43 s, its end was not seen"},
    };
    struct profile p;

    (void)state;
    make_profile(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out;

        strbuf_init(&out);
        p.process.exit_kind = cases[i].kind;
        p.process.exit_value = cases[i].value;
        report_text_process(&out, &p);
        assert_string_equal(strbuf_text(&out), cases[i].text);
        strbuf_release(&out);
    }
    profile_release(&p);
}

static void totals_are_two_lines(void **state)
{
    struct report_text_options text = {.exact = false};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.totals = (struct profile_totals){.live_bytes = 1258291,
                                       .live_blocks = 312,
                                       .peak_bytes = 92694118,
                                       .peak_seconds = 0.31,
                                       .total_bytes = 2040109465,
                                       .total_blocks = 1521714,
                                       .temporary_blocks = 1102004,
                                       .mmap_peak_bytes = 12582912};
    strbuf_init(&out);
    report_text_totals(&out, &p, &text);
    assert_string_equal(
        strbuf_text(&out),
        "  live at exit   1.2 MiB in 312 blocks      peak 88.4 MiB at 0.31 s\n"
        "  allocated      1.9 GiB in 1,521,714 blocks, 1,102,004 temporary      mmap 12.0 MiB\n");
    strbuf_clear(&out);
    text.exact = true;
    report_text_totals(&out, &p, &text);
    assert_has(&out, "1,258,291 B in 312 blocks");
    assert_has(&out, "2,040,109,465 B in");
    strbuf_release(&out);
    profile_release(&p);
}

static void every_loss_is_said(void **state)
{
    /* the counters one by one: each alone must give a line */
    const size_t counters = sizeof(struct profile_loss) / sizeof(uint64_t);
    struct report_text_options text = {0};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.totals.total_blocks = 1000;
    strbuf_init(&out);
    lossnotes_add(&out, &p, text.exact);
    assert_string_equal(strbuf_text(&out), "");
    for (size_t i = 0; i < counters; i++) {
        if (i == offsetof(struct profile_loss, slow_steps) / sizeof(uint64_t))
            continue; /* a matter of speed: nothing is lost */
        p.loss = (struct profile_loss){0};
        ((uint64_t *)&p.loss)[i] = 7;
        strbuf_clear(&out);
        lossnotes_add(&out, &p, text.exact);
        assert_has(&out, "7 ");
    }
    p.loss = (struct profile_loss){.stacks_truncated = 25};
    strbuf_clear(&out);
    lossnotes_add(&out, &p, text.exact);
    assert_has(&out, "25 allocations (2.5 %)");
    p.loss = (struct profile_loss){.replaced_blocks = 1};
    strbuf_clear(&out);
    lossnotes_add(&out, &p, text.exact);
    assert_has(&out, "1 address was handed out again with no free seen: something frees past");
    p.loss = (struct profile_loss){.verified = 30434, .verify_mismatch = 2, .verify_skipped = 12};
    strbuf_clear(&out);
    lossnotes_add(&out, &p, text.exact);
    assert_has(&out, "30,434 compared with libunwind's, 2 differ, 12 not comparable");
    strbuf_release(&out);
    profile_release(&p);
}

/* Two lines of one source file, which is written to `path`. */
static void make_two_lines(struct profile *p, const char *path)
{
    uint32_t app, lib, main_node;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    lib = make_module(p, "/usr/lib/libsqlite3.so.0", 0);
    main_node = make_node(p, STACK_ROOT_WHOLE, make_frame(p, app, "main", path, 1, 0));
    make_thread(p, 4242, "app");
    make_site(p, make_node(p, main_node, make_frame(p, lib, "pcache1Alloc", path, 2, 0)), 0, 15667,
              4096);
    make_site(p, main_node, 0, 1, 3000);
}

static void rows_are_aligned_and_show_their_source(void **state)
{
    char path[] = "/tmp/memprof-test-XXXXXX";
    struct sourcelines sources;
    struct profile p;
    struct strbuf out;
    FILE *file;

    (void)state;
    file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs("int main(void)\n\t  p = sqlite3Malloc(nByte);  \n", file);
    fclose(file);
    make_two_lines(&p, path);
    sourcelines_init(&sources);
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){.limit = 10},
             (struct report_text_options){.sources = &sources});
    assert_has(&out, "[ Top 2 lines by bytes at the peak ]\n#1  ");
    assert_has(&out, ":2 in pcache1Alloc (libsqlite3.so.0)   61.2 MiB   100.0 %   15,667 blocks\n"
                     "      p = sqlite3Malloc(nByte);\n#2  ");
    assert_has(&out, ":1 in main (app)                        2.9 KiB    <0.1 %        1 block\n"
                     "      int main(void)\n");
    strbuf_clear(&out);
    p.process.started_unix = 1; /* the file is newer */
    add_view(&out, &p, (struct view_options){.limit = 10},
             (struct report_text_options){.sources = &sources});
    assert_has(&out, "      int main(void)   (the file was changed since)\n");
    unlink(path);
    strbuf_release(&out);
    sourcelines_release(&sources);
    profile_release(&p);
}

static void what_is_left_out_is_summed(void **state)
{
    struct profile p;
    struct strbuf out;

    (void)state;
    make_two_lines(&p, "/nowhere/x.c");
    make_site(&p, make_node(&p, 0, make_frame(&p, 0, "g", "/nowhere/x.c", 9, 0)), 0, 1, 1000);
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){.limit = 1}, (struct report_text_options){0});
    assert_has(&out, "[ Top line by bytes at the peak ]");
    assert_has(&out, "and 2 more lines: 3.9 KiB (<0.1 %)\n");
    strbuf_clear(&out);
    add_view(&out, &p, (struct view_options){.limit = 1, .order = VIEW_BY_COUNT},
             (struct report_text_options){0});
    assert_has(&out, "[ Top line by blocks allocated ]");
    assert_has(&out, "   15,667 blocks   100.0 %   61.2 MiB\n");
    assert_has(&out, "and 2 more lines: 2 blocks (<0.1 %)\n");
    strbuf_release(&out);
    profile_release(&p);
}

static void stacks_are_shown_whole(void **state)
{
    struct profile p;
    struct strbuf out;
    uint32_t node = STACK_ROOT_TRUNCATED, frame;

    (void)state;
    make_two_lines(&p, "/nowhere/x.c");
    frame = make_frame(&p, 0, "recurse", "/nowhere/x.c", 7, 0);
    for (int i = 0; i < 100; i++)
        node = make_node(&p, node, frame);
    make_site(&p, node, 0, 1, 1);
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){.group = VIEW_TRACEBACK},
             (struct report_text_options){.stack.limit = 40});
    assert_has(&out, "[ Top 3 stacks by bytes at the peak ]");
    assert_has(&out,
               "      x.c:2 in pcache1Alloc (libsqlite3.so.0)\n      x.c:1 in main (app)\n#2");
    assert_has(&out, "      and 60 more\n      (cut short: its outer callers are unknown)\n");
    strbuf_release(&out);
    profile_release(&p);
}

static void a_nameless_line_is_told_by_its_caller(void **state)
{
    struct profile p;
    struct strbuf out;
    uint32_t app, lib, node;

    (void)state;
    make_profile(&p);
    app = make_module(&p, "/bin/app", 0);
    lib = make_module(&p, "/lib/libx.so.1", 0);
    node = make_node(&p, 0, make_frame(&p, app, "main", "", 0, 1));
    make_site(&p, make_node(&p, node, make_frame(&p, lib, "", "", 0, 0xbbb)), 0, 1, 1);
    node = make_node(&p, node, make_frame(&p, lib, "x_outer", "", 0, 1));
    node = make_node(&p, node, make_frame(&p, lib, "x_run", "", 0, 1));
    make_site(&p, make_node(&p, node, make_frame(&p, lib, "", "", 0, 0xaaa)), 0, 1, 2);
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){0}, (struct report_text_options){0});
    assert_has(&out, "#1  libx.so.1+0xaaa under x_run   2 B");
    assert_has(&out, "#2  libx.so.1+0xbbb               1 B"); /* main is another module's */
    strbuf_release(&out);
    profile_release(&p);
}

static void other_groups_name_what_they_group(void **state)
{
    static const struct {
        enum view_group group;
        const char *title, *row;
    } cases[] = {
        {VIEW_FUNCTION, "2 functions", "#1  pcache1Alloc (libsqlite3.so.0)   "},
        {VIEW_FILE, "file", "#1  /nowhere/x.c   "},
        {VIEW_MODULE, "2 modules", "#1  /usr/lib/libsqlite3.so.0   "},
        {VIEW_THREAD, "thread", "#1  app (tid 4242)   "},
    };
    struct profile p;

    (void)state;
    make_two_lines(&p, "/nowhere/x.c");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out;

        strbuf_init(&out);
        add_view(&out, &p, (struct view_options){.group = cases[i].group},
                 (struct report_text_options){0});
        assert_has(&out, cases[i].title);
        assert_has(&out, cases[i].row);
        strbuf_release(&out);
    }
    profile_release(&p);
}

static void rows_fit_the_width(void **state)
{
    struct profile p;
    uint32_t app;

    (void)state;
    make_profile(&p);
    app = make_module(&p, "/bin/app", 0);
    make_site(&p,
              make_node(&p, 0,
                        make_frame(&p, app,
                                   "void ns::Table<std::map<int, std::string>, 4u>::insert<long, "
                                   "true>(std::string const&)",
                                   "/src/table.h", 1234, 0)),
              0, 1, 5000000);
    make_site(&p, make_node(&p, 0, make_frame(&p, app, "\033[31mred\033[0m", "", 0, 1)), 0, 1, 9);
    for (size_t columns = 80; columns < 200; columns += 3) {
        char *line, *rest;
        struct strbuf out;

        strbuf_init(&out);
        add_view(&out, &p, (struct view_options){.limit = 10},
                 (struct report_text_options){.columns = columns});
        assert_null(strchr(strbuf_text(&out), '\033'));
        assert_has(&out, "\\x1b[31mred\\x1b[0m");
        for (line = strtok_r(out.text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (escape_columns(line) > columns)
                fail_msg("over %zu columns: %s", columns, line);
        strbuf_release(&out);
    }
    profile_release(&p);
}

static void colours_are_only_on_request(void **state)
{
    struct profile p;
    struct strbuf out;

    (void)state;
    make_two_lines(&p, "/nowhere/x.c");
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){0}, (struct report_text_options){.colour = true});
    assert_has(&out, "\033[1m");
    strbuf_clear(&out);
    add_view(&out, &p, (struct view_options){0}, (struct report_text_options){0});
    assert_null(strchr(strbuf_text(&out), '\033'));
    strbuf_release(&out);
    profile_release(&p);
}

static void nothing_is_said_in_words(void **state)
{
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){.order = VIEW_BY_LIVE},
             (struct report_text_options){0});
    assert_string_equal(strbuf_text(&out), "nothing was live at exit\n");
    strbuf_release(&out);
    profile_release(&p);
}

/* a → b → c, as text with the choice. */
static void add_three(struct strbuf *out, struct stack_choice stack)
{
    struct profile p;
    uint32_t app, node = STACK_ROOT_LIMITED;

    make_profile(&p);
    app = make_module(&p, "/bin/app", 0);
    make_thread(&p, 1, "app");
    for (uint32_t i = 0; i < 3; i++)
        node = make_node(&p, node, make_frame(&p, app, &"a\0b\0c"[i * 2], "/s/x.c", i + 1, 0));
    make_site(&p, node, 0, 1, 1);
    strbuf_clear(out);
    add_view(out, &p, (struct view_options){.group = VIEW_TRACEBACK},
             (struct report_text_options){.stack = stack});
    profile_release(&p);
}

static void stacks_are_cut_and_turned_as_asked(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    add_three(&out, (struct stack_choice){.limit = 2});
    assert_has(&out, "\n      x.c:3 in c (app)\n      x.c:2 in b (app)\n      and 1 more\n"
                     "      (cut by --depth)\n");
    add_three(&out, (struct stack_choice){.limit = 2, .outermost = true});
    assert_has(&out, "\n      and 1 more\n      x.c:2 in b (app)\n      x.c:1 in a (app)\n"
                     "      (cut by --depth)\n");
    add_three(&out, (struct stack_choice){.limit = 2, .oldest_first = true});
    assert_has(&out, "\n      (cut by --depth)\n      and 1 more\n      x.c:2 in b (app)\n"
                     "      x.c:3 in c (app)\n");
    add_three(&out, (struct stack_choice){.limit = 1, .outermost = true, .oldest_first = true});
    assert_has(&out, "\n      (cut by --depth)\n      x.c:1 in a (app)\n      and 2 more\n");
    strbuf_release(&out);
}

static void what_is_not_shown_is_said(void **state)
{
    struct filter filter;
    struct profile p;
    struct strbuf out;

    (void)state;
    make_two_lines(&p, "/nowhere/x.c");
    filter_init(&filter);
    assert_int_equal(filter_add(&filter, ":1", false, NULL), 0);
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){.filter = &filter}, (struct report_text_options){0});
    assert_has(&out, "\nleft out by the filters: 2.9 KiB in 1 block, <0.1 % of all\n");
    strbuf_clear(&out);
    add_view(&out, &p, (struct view_options){.min_bytes = 4096}, (struct report_text_options){0});
    assert_has(&out, "\nand 1 more line (of less than 4.0 KiB): 2.9 KiB (<0.1 %)\n");
    strbuf_clear(&out);
    add_view(&out, &p, (struct view_options){.cumulative = true, .limit = 1},
             (struct report_text_options){0});
    assert_has(&out, "by bytes at the peak, with all they called ]\n");
    assert_has(&out, "\nand 1 more line\n"); /* lines overlap: a sum would say nothing */
    assert_int_equal(filter_add(&filter, "*", false, NULL), 0);
    strbuf_clear(&out);
    add_view(&out, &p, (struct view_options){.filter = &filter, .order = VIEW_BY_TOTAL},
             (struct report_text_options){0});
    assert_has(&out, "nothing that passes the filters was allocated\nleft out");
    strbuf_release(&out);
    filter_release(&filter);
    profile_release(&p);
}

static void a_file_that_is_not_whole_says_so(void **state)
{
    static const struct {
        struct profile_cut cut;
        uint32_t exit_kind;
        bool incomplete;
        const char *text;
    } cases[] = {
        {{0}, EXIT_STATUS, false, ""},
        {{0},
         EXIT_UNKNOWN,
         true,
         "  note: this profile is incomplete: it ends before the program did\n"},
        {{CUT_SHORT, 5000, 5000, 2.5},
         EXIT_UNKNOWN,
         true,
         "  note: this file was never finished: it shows the state 2.50 s into the run\n"},
        {{CUT_SHORT, 5000, 5000, 2.5}, /* where a section ends, of a file that was finished */
         EXIT_STATUS,
         true,
         "  note: this file is cut short at byte 5,000 of 5,000: the searches for leaks, timeline "
         "and "
         "snapshots behind "
         "it are lost\n"},
        {{CUT_SHORT, 4096, 5000, 2.5},
         EXIT_UNKNOWN,
         true,
         "  note: this file is cut short at byte 4,096 of 5,000: this is the state 2.50 s into the "
         "run\n"},
        {{CUT_DAMAGED, 4096, 5000, 2.5},
         EXIT_UNKNOWN,
         true,
         "  note: this file is damaged at byte 4,096 of 5,000: this is the state 2.50 s into the "
         "run\n"},
        {{CUT_SHORT, 4096, 5000, 2.5},
         EXIT_STATUS,
         true,
         "  note: this file is cut short at byte 4,096 of 5,000: the searches for leaks, timeline "
         "and "
         "snapshots behind "
         "it are lost\n"},
    };
    struct profile p;

    (void)state;
    make_profile(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out;

        strbuf_init(&out);
        p.cut = cases[i].cut;
        p.incomplete = cases[i].incomplete;
        p.process.exit_kind = cases[i].exit_kind;
        lossnotes_cut(&out, &p);
        assert_string_equal(strbuf_text(&out), cases[i].text);
        strbuf_release(&out);
    }
    profile_release(&p);
}

/* The totals of a program, in `columns`. */
static void expect_totals(size_t columns, const char *text)
{
    struct profile p;
    struct strbuf out;

    make_profile(&p);
    p.totals = (struct profile_totals){
        .peak_bytes = 2048, .rss_peak_bytes = 4096, .mmap_peak_bytes = 8192};
    strbuf_init(&out);
    report_text_totals(&out, &p, &(struct report_text_options){.columns = columns});
    assert_string_equal(strbuf_text(&out), text);
    strbuf_release(&out);
    profile_release(&p);
}

/* What memprof took itself is one more part. */
static void its_own_memory_is_among_the_totals(void **state)
{
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.totals = (struct profile_totals){.own_target_bytes = 6 << 20, .own_host_bytes = 9 << 20};
    strbuf_init(&out);
    report_text_totals(&out, &p, &(struct report_text_options){.columns = 0});
    assert_non_null(
        strstr(strbuf_text(&out),
               "temporary      memprof itself 6.0 MiB in the program, 9.0 MiB outside\n"));
    strbuf_release(&out);
    profile_release(&p);
}

/* The C library's is the rule; another allocator is named, whatever is in its name. */
static void another_allocator_is_named(void **state)
{
    static const char *const said[][2] = {{"libc.so.6", " s, "},
                                          {"pool", " s on memprof's pools, "},
                                          {"pool-debug", " s on memprof's pools with guards, "},
                                          {"libjemalloc.so.2", " s on libjemalloc.so.2, "},
                                          {"a\033b", " s on a\\x1bb, "}};

    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct profile p;
        struct strbuf out;

        make_profile(&p);
        p.process.allocator = strings_add(&p.strings, said[i][0]);
        strbuf_init(&out);
        report_text_process(&out, &p);
        assert_non_null(strstr(strbuf_text(&out), said[i][1]));
        strbuf_release(&out);
        profile_release(&p);
    }
}

static void totals_take_the_lines_they_need(void **state)
{
    (void)state;
    expect_totals(0, "  live at exit   0 B in 0 blocks      peak 2.0 KiB at 0.00 s      "
                     "peak RSS 4.0 KiB\n"
                     "  allocated      0 B in 0 blocks, 0 temporary      mmap 8.0 KiB\n");
    expect_totals(64, "  live at exit   0 B in 0 blocks      peak 2.0 KiB at 0.00 s\n"
                      "                 peak RSS 4.0 KiB\n"
                      "  allocated      0 B in 0 blocks, 0 temporary      mmap 8.0 KiB\n");
}

static void the_module_goes_before_the_function_is_cut(void **state)
{
    static const struct {
        size_t columns;
        const char *text;
    } cases[] = {{0, "libx.c:5 in x_allocate (libx.so.1)"},
                 {34, "libx.c:5 in x_allocate (libx.so.1)"},
                 {33, "libx.c:5 in x_allocate"},
                 {22, "libx.c:5 in x_allocate"}};
    struct profile p;
    uint32_t frame;

    (void)state;
    make_profile(&p);
    frame = make_frame(&p, make_module(&p, "/lib/libx.so.1", 0), "x_allocate", "/s/libx.c", 5, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out;

        strbuf_init(&out);
        location_line(&out, &p, 0, frame, cases[i].columns);
        assert_string_equal(strbuf_text(&out), cases[i].text);
        strbuf_release(&out);
    }
    profile_release(&p);
}

static void averages_are_shown_a_block(void **state)
{
    struct profile p;
    struct strbuf out;

    (void)state;
    make_two_lines(&p, "/nowhere/x.c");
    strbuf_init(&out);
    add_view(&out, &p, (struct view_options){.order = VIEW_BY_AVERAGE},
             (struct report_text_options){0});
    assert_has(&out, "[ Top 2 lines by bytes a block ]");
    assert_has(&out, "   4.0 KiB each   61.2 MiB   15,667 blocks\n");
    strbuf_release(&out);
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_is_named_with_its_end),
        cmocka_unit_test(totals_are_two_lines),
        cmocka_unit_test(every_loss_is_said),
        cmocka_unit_test(rows_are_aligned_and_show_their_source),
        cmocka_unit_test(what_is_left_out_is_summed),
        cmocka_unit_test(stacks_are_shown_whole),
        cmocka_unit_test(a_nameless_line_is_told_by_its_caller),
        cmocka_unit_test(other_groups_name_what_they_group),
        cmocka_unit_test(rows_fit_the_width),
        cmocka_unit_test(colours_are_only_on_request),
        cmocka_unit_test(nothing_is_said_in_words),
        cmocka_unit_test(stacks_are_cut_and_turned_as_asked),
        cmocka_unit_test(what_is_not_shown_is_said),
        cmocka_unit_test(averages_are_shown_a_block),
        cmocka_unit_test(a_file_that_is_not_whole_says_so),
        cmocka_unit_test(totals_take_the_lines_they_need),
        cmocka_unit_test(its_own_memory_is_among_the_totals),
        cmocka_unit_test(another_allocator_is_named),
        cmocka_unit_test(the_module_goes_before_the_function_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
