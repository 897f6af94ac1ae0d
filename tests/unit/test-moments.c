// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/changes.h"
#include "src/host/profile/moments.h"
#include "tests/unit/sample-journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Eight checkpoints, of which every second is a snapshot: numbers 1 to 4, "label 1" to "label 7".
 */
static int setup(void **state)
{
    struct sample_run *r = calloc(1, sizeof *r);

    if (!r || !sample_run_init(r, NULL))
        return -1;
    for (uint32_t i = 0; i < 8; i++)
        if (sample_run_next(r, NULL) != 0)
            return -1;
    series_hand_over(&r->series, &r->whole);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    sample_run_release(*state);
    free(*state);
    return 0;
}

static void assert_found(const struct profile *p, const char *text, enum moment_place place,
                         uint32_t index)
{
    struct moment moment;

    assert_int_equal(moment_find(p, text, &moment, NULL), 0);
    assert_int_equal(moment.place, place);
    assert_int_equal(moment.index, index);
}

static void moments_are_found_by_number_label_and_word(void **state)
{
    struct profile *p = &((struct sample_run *)*state)->whole;

    assert_found(p, NULL, MOMENT_AT_EXIT, 0);
    assert_found(p, "", MOMENT_AT_EXIT, 0);
    assert_found(p, "exit", MOMENT_AT_EXIT, 0);
    assert_found(p, "peak", MOMENT_AT_PEAK, 0);
    assert_found(p, "1", MOMENT_LISTED, 1);
    assert_found(p, "4", MOMENT_LISTED, 7);
    assert_found(p, "label 3", MOMENT_LISTED, 3);
    assert_found(p, "last", MOMENT_LISTED, 7);
    p->moments[5].label = p->moments[3].label; /* of two with one label the later */
    assert_found(p, "label 3", MOMENT_LISTED, 5);
}

static void assert_missing(const struct profile *p, const char *text, const char *said)
{
    struct moment moment;
    struct error e = {0};

    assert_int_equal(moment_find(p, text, &moment, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, said));
}

static void what_there_is_is_listed(void **state)
{
    struct profile *p = &((struct sample_run *)*state)->whole;

    assert_missing(p, "0", "1 (label 1), 2 (label 3), 3 (label 5), 4 (label 7), peak and exit");
    assert_missing(p, "5", "no snapshot 5; it has 1 (label 1)");
    assert_missing(p, "99999999999999999999999", "it has 1");
    assert_missing(p, "1x", "no snapshot 1x");
    p->moments[7].number = 0; /* checkpoints do not count */
    assert_found(p, "last", MOMENT_LISTED, 5);
    for (uint32_t i = 0; i < p->moment_count; i++)
        p->moments[i].number = 0;
    assert_missing(p, "last", "none was taken");
    assert_missing(p, "1", "only peak and exit");
}

static void long_lists_are_cut(void **state)
{
    struct profile *p = &((struct sample_run *)*state)->whole;

    for (uint32_t i = 0; i < p->moment_count; i++)
        p->moments[i].number = i + 1;
    assert_missing(p, "77", ", 8 (label 7), peak");
    p->moments[0].number = 0;
    assert_missing(p, "77", "it has 2 (label 1), 3,");
}

static void the_numbers_of_each_moment_are_the_sums_up_to_it(void **state)
{
    struct profile *p = &((struct sample_run *)*state)->whole;

    for (uint32_t i = 0; i < p->moment_count; i++) {
        struct profile_stats *stats;
        uint64_t live = 0;

        assert_int_equal(moment_stats(p, (struct moment){MOMENT_LISTED, i}, &stats, NULL), 0);
        for (uint32_t k = 0; k < p->site_count; k++) {
            bool there = k < (i + 1) * SAMPLE_GROUP_SITES;

            live += stats[k].live_bytes;
            assert_int_equal(stats[k].smallest, there ? 48 : UINT64_MAX);
            assert_int_equal(stats[k].total_blocks != 0, there);
        }
        assert_int_equal(live, sample_live_bytes(i + 1));
        free(stats);
    }
}

static void exit_and_peak_are_the_sites_own(void **state)
{
    struct profile *p = &((struct sample_run *)*state)->whole;
    struct profile_stats *stats;

    p->sites[4].stats.peak_bytes = 4711;
    assert_int_equal(moment_stats(p, (struct moment){MOMENT_AT_EXIT, 0}, &stats, NULL), 0);
    for (uint32_t i = 0; i < p->site_count; i++)
        assert_memory_equal(&stats[i], &p->sites[i].stats, sizeof *stats);
    free(stats);
    assert_int_equal(moment_stats(p, (struct moment){MOMENT_AT_PEAK, 0}, &stats, NULL), 0);
    assert_int_equal(stats[4].live_bytes, 4711);
    assert_int_equal(stats[4].total_bytes, 0);
    free(stats);
}

static void damaged_changes_are_said(void **state)
{
    struct profile *p = &((struct sample_run *)*state)->whole;
    struct profile_stats *stats;
    struct error e = {0};

    p->site_count = SAMPLE_GROUP_SITES; /* later changes speak of sites that are not there */
    assert_int_equal(moment_stats(p, (struct moment){MOMENT_LISTED, 0}, &stats, &e), 0);
    free(stats);
    assert_int_equal(moment_stats(p, (struct moment){MOMENT_LISTED, 3}, &stats, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_null(stats);
}

#define MANY_SITES 4000u
#define MANY_MOMENTS 40u

/* So many numbers that no compression makes few bytes of them; `sum` receives theirs. */
static void make_large(struct profile *p, struct profile_stats *sum)
{
    struct profile_change *rows = calloc(MANY_SITES, sizeof *rows);
    uint64_t x = 88172645463325252u;

    assert_non_null(rows);
    profile_init(p);
    p->sites = calloc(MANY_SITES, sizeof *p->sites);
    p->moments = calloc(MANY_MOMENTS, sizeof *p->moments);
    p->changes = calloc(MANY_MOMENTS, sizeof *p->changes);
    assert_true(p->sites && p->moments && p->changes);
    p->site_count = MANY_SITES;
    for (uint32_t i = 0; i < MANY_SITES; i++)
        sum[i] = changes_start();
    while (p->moment_count < MANY_MOMENTS) {
        for (uint32_t i = 0; i < MANY_SITES; i++) {
            x = x * UINT64_C(6364136223846793005) + 1;
            rows[i] = (struct profile_change){
                .site = i, .stats = {.live_bytes = x >> 20, .total_blocks = 0 - (x >> 40)}};
            changes_add(&sum[i], &rows[i].stats);
        }
        assert_int_equal(changes_encode(&p->changes[p->moment_count++], rows, MANY_SITES, NULL), 0);
    }
    free(rows);
}

/* Above a MiB of changes two threads add them up. */
static void large_changes_are_added_up_in_halves(void **state)
{
    static const uint32_t damaged[] = {0, MANY_MOMENTS - 1};
    struct moment last = {MOMENT_LISTED, MANY_MOMENTS - 1};
    struct profile_stats *sum = calloc(MANY_SITES, sizeof *sum), *stats;
    struct profile p;

    (void)state;
    assert_non_null(sum);
    make_large(&p, sum);
    assert_true(p.changes[0].size * MANY_MOMENTS > 1 << 20);
    assert_int_equal(moment_stats(&p, last, &stats, NULL), 0);
    assert_memory_equal(stats, sum, MANY_SITES * sizeof *sum);
    free(stats);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        struct error e = {0};

        p.changes[damaged[i]].bytes[0] ^= 64;
        assert_int_equal(moment_stats(&p, last, &stats, &e), -1);
        assert_int_equal(e.kind, ERROR_FORMAT);
        assert_non_null(strstr(e.text, "damaged"));
        assert_int_equal(moment_stats(&p, last, &stats, NULL), -1);
        p.changes[damaged[i]].bytes[0] ^= 64;
    }
    profile_release(&p);
    free(sum);
}

static void assert_name(const struct profile *p, struct moment moment, const char *name, double at)
{
    struct strbuf text;

    strbuf_init(&text);
    moment_name(&text, p, moment);
    assert_string_equal(strbuf_text(&text), name);
    assert_true(moment_seconds(p, moment) == at);
    strbuf_release(&text);
}

static void moments_have_names(void **state)
{
    struct profile *p = &((struct sample_run *)*state)->whole;

    p->totals.peak_seconds = 3.25;
    assert_name(p, (struct moment){MOMENT_AT_EXIT, 0}, "exit", 7.75);
    assert_name(p, (struct moment){MOMENT_AT_PEAK, 0}, "the peak", 3.25);
    assert_name(p, (struct moment){MOMENT_LISTED, 3}, "snapshot 2 (label 3)", 3.5);
    assert_name(p, (struct moment){MOMENT_LISTED, 4}, "the checkpoint at 4.5 s", 4.5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(moments_are_found_by_number_label_and_word),
        TEST(what_there_is_is_listed),
        TEST(long_lists_are_cut),
        TEST(the_numbers_of_each_moment_are_the_sums_up_to_it),
        TEST(exit_and_peak_are_the_sites_own),
        TEST(damaged_changes_are_said),
        cmocka_unit_test(large_changes_are_added_up_in_halves),
        TEST(moments_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
