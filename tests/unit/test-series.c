// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 5u

/* Moment number `i` added 2^i or so to one site; the sum tells what is in it. */
static void add(struct series *s, uint32_t i, double seconds, bool snapshot)
{
    struct profile_change row = {.site = i % SITES,
                                 .stats = {.live_bytes = i + 1, .live_blocks = 1}};
    struct profile_moment moment = {.seconds = seconds,
                                    .kind = snapshot ? MOMENT_SNAPSHOT : MOMENT_CHECKPOINT,
                                    .number = snapshot ? i + 1 : 0,
                                    .live_bytes = i};
    struct profile_changes packed;

    assert_int_equal(changes_encode(&packed, &row, 1, NULL), 0);
    assert_int_equal(series_add(s, &moment, &packed, NULL), 0);
    changes_release(&packed);
}

/* After each moment in the list the sum is what it was when that was added. */
static void assert_sums(const struct series *s)
{
    uint64_t blocks = 0, bytes = 0, packed = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        struct profile_change *rows;
        uint64_t number = s->moments[i].live_bytes;
        uint32_t n;

        assert_int_equal(changes_decode(&s->changes[i], SITES, &rows, &n, NULL), 0);
        for (uint32_t k = 0; k < n; k++) {
            blocks += rows[k].stats.live_blocks;
            bytes += rows[k].stats.live_bytes;
        }
        free(rows);
        packed += s->changes[i].size;
        assert_int_equal(blocks, number + 1);
        assert_int_equal(bytes, (number + 1) * (number + 2) / 2);
        assert_true(i == 0 || s->moments[i].seconds >= s->moments[i - 1].seconds);
    }
    assert_int_equal(s->bytes, packed);
}

static void snapshots_are_all_kept(void **state)
{
    struct series s;

    (void)state;
    series_init(&s);
    for (uint32_t i = 0; i < 1000; i++)
        add(&s, i, i * 0.5, true);
    assert_int_equal(s.count, 1000);
    assert_sums(&s);
    series_release(&s);
}

static void checkpoints_are_thinned_out(void **state)
{
    struct series s;
    double gap = 0;

    (void)state;
    series_init(&s);
    for (uint32_t i = 0; i < 5000; i++) {
        add(&s, i, i * 5.0, false);
        assert_true(s.count <= SERIES_CHECKPOINTS);
        assert_true(s.count > SERIES_CHECKPOINTS / 4 || s.count == i + 1);
        assert_int_equal(s.moments[s.count - 1].live_bytes, i); /* the latest is always there */
        assert_int_equal(s.checkpoints, s.count);
    }
    assert_sums(&s);
    for (uint32_t i = 1; i < s.count; i++)
        if (s.moments[i].seconds - s.moments[i - 1].seconds > gap)
            gap = s.moments[i].seconds - s.moments[i - 1].seconds;
    assert_true(gap <= 25000.0 / (SERIES_CHECKPOINTS / 4)); /* nowhere are there few */
    series_release(&s);
}

static void both_together(void **state)
{
    struct series s;
    uint32_t snapshots = 0;

    (void)state;
    series_init(&s);
    for (uint32_t i = 0; i < 2000; i++)
        add(&s, i, i * 0.7, i % 7 == 3);
    assert_sums(&s);
    assert_true(s.checkpoints <= SERIES_CHECKPOINTS);
    for (uint32_t i = 0; i < s.count; i++)
        snapshots += s.moments[i].number != 0;
    assert_int_equal(snapshots, 286);
    assert_int_equal(s.count, snapshots + s.checkpoints);
    series_release(&s);
}

static void a_clock_that_stands_still_is_no_trouble(void **state)
{
    struct series s;

    (void)state;
    series_init(&s);
    for (uint32_t i = 0; i < 300; i++)
        add(&s, i, 0, false);
    assert_true(s.count <= SERIES_CHECKPOINTS);
    assert_sums(&s);
    series_release(&s);
}

static void a_profile_takes_them_over(void **state)
{
    struct profile p;
    struct series s;

    (void)state;
    profile_init(&p);
    series_init(&s);
    add(&s, 0, 1, true);
    series_hand_over(&s, &p);
    assert_int_equal(p.moment_count, 1);
    for (uint32_t i = 0; i < 3; i++)
        add(&s, i, i, true);
    series_hand_over(&s, &p);
    assert_int_equal(p.moment_count, 3);
    assert_int_equal(s.count, 0);
    assert_int_equal(p.moments[2].number, 3);
    profile_release(&p);
    series_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_are_all_kept),
        cmocka_unit_test(checkpoints_are_thinned_out),
        cmocka_unit_test(both_together),
        cmocka_unit_test(a_clock_that_stands_still_is_no_trouble),
        cmocka_unit_test(a_profile_takes_them_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
