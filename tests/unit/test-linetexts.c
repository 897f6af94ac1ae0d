// SPDX-License-Identifier: Apache-2.0
/* A line's text is made once and is what the format makes of it, with and without memory for it. */
#include "src/host/report/linetexts.h"

#include "tests/unit/failing-memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LINES 40

struct fixture {
    struct leak_line lines[LINES];
    struct leak_report report;
    unsigned written[LINES]; /* how often each was asked of the format, by line number */
};

static void write_line(struct strbuf *out, const struct leak_line *line, const void *context)
{
    struct fixture *f = (struct fixture *)context;

    f->written[line->line % LINES]++;
    strbuf_addf(out, "<%s:%u>", line->function, line->line);
}

static void make(struct fixture *f)
{
    *f = (struct fixture){.written = {0}};
    for (uint32_t i = 0; i < LINES; i++)
        f->lines[i] = (struct leak_line){
            .function = i % 2 ? "" : "a_function", .file = "", .module = "", .line = i};
    f->report = (struct leak_report){.lines = f->lines, .line_count = LINES};
}

/* All lines twice, in two orders. */
static void add_all(struct linetexts *t, struct strbuf *out, const struct fixture *f)
{
    for (uint32_t i = 0; i < LINES; i++)
        linetexts_add(t, out, &f->lines[i]);
    for (uint32_t i = LINES; i-- > 0;)
        linetexts_add(t, out, &f->lines[i]);
}

static void expect_all(struct strbuf *out, struct fixture *f)
{
    for (uint32_t i = 0; i < LINES; i++)
        write_line(out, &f->lines[i], f);
    for (uint32_t i = LINES; i-- > 0;)
        write_line(out, &f->lines[i], f);
}

static void each_line_is_made_once(void **unused)
{
    struct strbuf out, expected;
    struct linetexts texts;
    struct fixture f;

    (void)unused;
    make(&f);
    strbuf_init(&out);
    strbuf_init(&expected);
    linetexts_init(&texts, &f.report, write_line, &f);
    add_all(&texts, &out, &f);
    for (uint32_t i = 0; i < LINES; i++)
        assert_int_equal(f.written[i], 1);
    linetexts_release(&texts);
    expect_all(&expected, &f);
    assert_string_equal(strbuf_text(&out), strbuf_text(&expected));
    strbuf_release(&out);
    strbuf_release(&expected);
}

/* Lines that are not the report's have no number to be known by. */
static void other_lines_are_made_each_time(void **unused)
{
    const struct leak_line other = {.function = "other", .file = "", .module = "", .line = 7};
    struct leak_report nothing = {.lines = NULL};
    struct linetexts texts;
    struct strbuf out;
    struct fixture f;

    (void)unused;
    make(&f);
    strbuf_init(&out);
    linetexts_init(&texts, &f.report, write_line, &f);
    linetexts_add(&texts, &out, &other);
    linetexts_add(&texts, &out, &f.lines[7]);
    linetexts_add(&texts, &out, &other);
    linetexts_release(&texts);
    assert_string_equal(strbuf_text(&out), "<other:7><:7><other:7>");
    assert_int_equal(f.written[7], 3);
    strbuf_clear(&out);
    linetexts_init(&texts, &nothing, write_line, &f);
    linetexts_add(&texts, &out, &f.lines[2]);
    linetexts_add(&texts, &out, &f.lines[2]);
    linetexts_release(&texts);
    assert_string_equal(strbuf_text(&out), "<a_function:2><a_function:2>");
    assert_int_equal(f.written[2], 2);
    strbuf_release(&out);
}

static void make_room(struct strbuf *out)
{
    strbuf_init(out);
    for (int i = 0; i < 4096; i++)
        strbuf_add(out, " ");
    strbuf_clear(out);
}

/* Whatever cannot be kept is written all the same, where there is room for it. */
static void without_memory_nothing_is_lost(void **unused)
{
    struct strbuf out, expected;
    struct linetexts texts;
    struct fixture f;
    uint64_t n = 0;
    bool once;

    (void)unused;
    strbuf_init(&expected);
    make(&f);
    expect_all(&expected, &f);
    do {
        make(&f);
        make_room(&out);
        memory_fail_after(n++);
        linetexts_init(&texts, &f.report, write_line, &f);
        add_all(&texts, &out, &f);
        memory_suffices();
        linetexts_release(&texts);
        assert_false(out.failed);
        assert_string_equal(strbuf_text(&out), strbuf_text(&expected));
        strbuf_release(&out);
        once = true;
        for (uint32_t i = 0; i < LINES; i++)
            once = once && f.written[i] == 1;
        assert_true(n < 100);
    } while (!once);
    assert_true(n > 2); /* neither of the two allocations was there, then one, then more */
    strbuf_release(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_made_once),
        cmocka_unit_test(other_lines_are_made_each_time),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
