// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/plot.h"

#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static void set_samples(struct profile *p, const struct profile_sample *samples, uint32_t count)
{
    p->samples = malloc(count * sizeof *samples);
    assert_non_null(p->samples);
    memcpy(p->samples, samples, count * sizeof *samples);
    p->sample_count = count;
}

/* A staircase in four steps over 16 s, peak in between, two snapshots and a mark. */
static void make_staircase(struct profile *p)
{
    static const struct profile_sample samples[] = {
        {0, 1 * MIB, 1, 10 * MIB},
        {4, 2 * MIB, 1, 10 * MIB},
        {8, 3 * MIB, 1, 20 * MIB},
        {12, 1 * MIB, 1, 40 * MIB},
    };

    make_profile(p);
    p->process.seconds = 16;
    p->totals.peak_bytes = 4 * MIB;
    p->totals.peak_seconds = 11;
    set_samples(p, samples, 4);
    make_snapshot(p, 4.0, "", NULL, 0);
    make_snapshot(p, 15.9, "", NULL, 0);
    p->moments[0].live_bytes = 2 * MIB;
    p->moments[1].live_bytes = 1 * MIB;
    p->marks = calloc(1, sizeof *p->marks);
    assert_non_null(p->marks);
    p->mark_count = 1;
    p->marks[0].seconds = 8.5;
    p->marks[0].live_bytes = 3 * MIB;
}

static void expect(const struct profile *p, struct plot_options options, const char *picture)
{
    struct strbuf out;

    strbuf_init(&out);
    plot_timeline(&out, p, &options);
    assert_false(out.failed);
    assert_string_equal(strbuf_text(&out), picture);
    strbuf_release(&out);
}

static void a_staircase_in_ascii(void **state)
{
    struct profile p;

    (void)state;
    make_staircase(&p);
    expect(&p, (struct plot_options){.columns = 33, .ascii = true},
           "   4.0 MiB +           |\n"
           "           |           |\n"
           "           |        ||||\n"
           "           |        ||||\n"
           "   2.0 MiB +    ||||||||\n"
           "           |    ||||||||\n"
           "           |||||||||||||||||\n"
           "           |||||||||||||||||\n"
           "       0 B +----------------\n"
           "            0 s      16.00 s\n"
           "  40.0 MiB +........::::||||  RSS\n"
           "                1   ^  P   2\n"
           "            P peak   1 2 3 snapshots   ^ marks\n");
    profile_release(&p);
}

static void blocks_have_eighths(void **state)
{
    static const struct profile_sample samples[] = {{0, 1, 1, 0}, {1, 33, 1, 0}, {2, 64, 1, 0}};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.process.seconds = 3;
    set_samples(&p, samples, 3);
    strbuf_init(&out);
    plot_timeline(&out, &p, &(struct plot_options){.columns = 20});
    /* 33 of 64 fill four rows and an eighth of the fifth from below */
    assert_non_null(strstr(strbuf_text(&out), "\xe2\x94\x82     \xe2\x96\x81\xe2\x96\x81"));
    assert_non_null(strstr(strbuf_text(&out), "32 B \xe2\x94\xa4"));
    assert_null(strstr(strbuf_text(&out), "RSS")); /* not known */
    assert_null(strstr(strbuf_text(&out), "P"));   /* there is none */
    strbuf_release(&out);
    profile_release(&p);
}

static void many_signs_are_stars(void **state)
{
    static const struct profile_sample samples[] = {{0, 1, 1, 0}};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.process.seconds = 16;
    set_samples(&p, samples, 1);
    for (int i = 0; i < 12; i++)
        make_snapshot(&p, i < 2 ? 0.1 : i < 10 ? 5.5 : i == 10 ? 8.5 : 15.5, "", NULL, 0);
    strbuf_init(&out);
    plot_timeline(&out, &p, &(struct plot_options){.columns = 20, .ascii = true});
    /* two at 0, eight at 5, number 11 has room, number 12 has not */
    assert_non_null(strstr(strbuf_text(&out), " *    *  11     *\n"));
    assert_non_null(strstr(strbuf_text(&out), "* several, or no room\n"));
    strbuf_release(&out);
    profile_release(&p);
}

static void what_moments_and_marks_say_is_drawn(void **state)
{
    static const struct profile_sample samples[] = {{0, 0, 0, 0}};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.process.seconds = 16;
    set_samples(&p, samples, 1);
    make_snapshot(&p, 4.0, "", NULL, 0);
    make_snapshot(&p, 8.0, "", NULL, 0);
    p.moments[0].live_bytes = 64;
    p.moments[1].live_bytes = 0;
    p.marks = calloc(1, sizeof *p.marks);
    assert_non_null(p.marks);
    p.mark_count = 1;
    p.marks[0] = (struct profile_mark){.seconds = 12, .live_bytes = 64};
    strbuf_init(&out);
    plot_timeline(&out, &p, &(struct plot_options){.columns = 20, .ascii = true});
    assert_non_null(strstr(strbuf_text(&out), "  64 B +    ||||    ||||\n"));
    strbuf_release(&out);
    profile_release(&p);
}

static void senseless_times_stay_inside(void **state)
{
    struct profile_sample samples[] = {{0, 5, 1, 1}, {-1, 6, 1, 1}, {1e300, 7, 1, 1}};
    struct profile p;
    struct strbuf out;

    (void)state;
    make_profile(&p);
    p.totals.peak_bytes = UINT64_MAX;
    p.totals.peak_seconds = -5;
    samples[1].seconds = __builtin_nan("");
    set_samples(&p, samples, 3);
    strbuf_init(&out);
    plot_timeline(&out, &p, &(struct plot_options){.columns = 0});
    assert_true(out.length > 0);
    p.samples[2].seconds = __builtin_inf();
    plot_timeline(&out, &p, &(struct plot_options){.columns = 1});
    p.samples[2].seconds = 0; /* a run of no time at all */
    p.process.seconds = 0;
    plot_timeline(&out, &p, &(struct plot_options){.columns = 5000});
    assert_false(out.failed);
    strbuf_release(&out);
    profile_release(&p);
}

static void without_a_timeline_there_is_nothing(void **state)
{
    struct profile p;

    (void)state;
    make_profile(&p);
    expect(&p, (struct plot_options){.columns = 80}, "");
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_staircase_in_ascii),
        cmocka_unit_test(blocks_have_eighths),
        cmocka_unit_test(many_signs_are_stars),
        cmocka_unit_test(senseless_times_stay_inside),
        cmocka_unit_test(without_a_timeline_there_is_nothing),
        cmocka_unit_test(what_moments_and_marks_say_is_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
