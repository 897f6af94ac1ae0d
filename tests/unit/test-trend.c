// SPDX-License-Identifier: Apache-2.0
/*
 * Planted shapes: what they are is known from how they are made.  Random ones
 * are made with 200 seeds each, and how often the verdict may be another one is
 * said where it is not never.
 */
#include "src/host/view/trend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB 1048576.0
#define SEEDS 200

static uint64_t seed;

/* Between -1 and 1. */
static double chance(void)
{
    /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (double)((seed * UINT64_C(2685821657736338717)) >> 11) / 4503599627370496.0 - 1;
}

/* Bytes at a share of the run. */
typedef double shape(double at);

static struct trend judge(shape *bytes, uint32_t count, double seconds)
{
    struct trend_point *points = calloc(count, sizeof *points);
    struct trend t;

    assert_non_null(points);
    for (uint32_t i = 0; i < count; i++) {
        double at = count > 1 ? (double)i / (count - 1) : 0, value = bytes(at);

        points[i] = (struct trend_point){at * seconds, value > 0 ? (uint64_t)value : 0};
    }
    assert_int_equal(trend_find(&t, points, count, NULL), 0);
    free(points);
    return t;
}

/* Over all usual numbers of points. */
static void always(shape *bytes, enum trend_kind kind)
{
    static const uint32_t counts[] = {16, 20, 33, 64, 100, 256, 1000};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(judge(bytes, counts[i], 60).kind, kind);
}

/* Over seeds; at most `others` in a hundred come to another verdict. */
static void mostly(shape *bytes, uint32_t count, enum trend_kind kind, uint32_t others)
{
    uint32_t wrong = 0;

    for (uint64_t i = 1; i <= SEEDS; i++) {
        seed = i * UINT64_C(0x9e3779b97f4a7c15);
        wrong += judge(bytes, count, 60).kind != kind;
    }
    if (wrong * 100 > others * SEEDS)
        fail_msg("%u of %d seeds came to another verdict", wrong, SEEDS);
}

static double linear(double at)
{
    return 5 * MIB + 60 * MIB * at;
}

static double slow_linear(double at)
{
    return 500 * MIB + 0.05 * MIB * at;
}

static double freed_at_the_end(double at)
{
    return at > 0.97 ? 0 : linear(at);
}

static double noisy_linear(double at)
{
    return linear(at) + 10 * MIB * chance();
}

static double many_steps(double at)
{
    return MIB * floor(at * 12);
}

static double one_step(double at)
{
    return at < 0.7 ? MIB : 2 * MIB;
}

static double early_step(double at)
{
    return at < 0.2 ? MIB : 2 * MIB;
}

static double flat(double at)
{
    (void)at;
    return 3 * MIB;
}

static double noise(double at)
{
    (void)at;
    return 30 * MIB + 10 * MIB * chance();
}

static double teeth;

static double sawtooth(double at)
{
    return 10 * MIB + 20 * MIB * (at * teeth - floor(at * teeth));
}

static double growing_sawtooth(double at)
{
    return sawtooth(at) + 60 * MIB * at;
}

static double cache(double at)
{
    return 40 * MIB * (1 - exp(-8 * at));
}

static double logarithm(double at)
{
    return 10 * MIB * log(1 + 500 * at);
}

static double filled(double at)
{
    return at < 0.4 ? 100 * MIB * at : 40 * MIB;
}

static double falling(double at)
{
    return 100 * MIB * (1 - at);
}

static double accelerating(double at)
{
    return 50 * MIB * at * at;
}

static double hill(double at)
{
    return 50 * MIB * (1 - fabs(2 * at - 1));
}

static void growth_is_seen(void **state)
{
    (void)state;
    always(linear, TREND_GROWS);
    always(slow_linear, TREND_GROWS);
    always(freed_at_the_end, TREND_GROWS);
    always(accelerating, TREND_GROWS);
    for (uint32_t count = 40; count <= 256; count += 12)
        assert_int_equal(judge(many_steps, count, 60).kind, TREND_GROWS);
    mostly(noisy_linear, 40, TREND_GROWS, 2);
}

static void caches_level_off(void **state)
{
    (void)state;
    always(cache, TREND_LEVELLED);
    always(logarithm, TREND_LEVELLED);
    always(filled, TREND_LEVELLED);
    always(early_step, TREND_LEVELLED);
}

static void what_does_not_rise_is_steady(void **state)
{
    (void)state;
    always(flat, TREND_STEADY);
    always(falling, TREND_STEADY);
    always(hill, TREND_STEADY);
    mostly(noise, 40, TREND_STEADY, 8); /* the test is one at 95 % */
    mostly(noise, 200, TREND_STEADY, 8);
}

/* Teeth and points of any number: where few points meet few teeth, chance decides now and then. */
static void sawteeth_are_told_from_growth(void **state)
{
    uint32_t all = 0, flat_wrong = 0, growing_wrong = 0;

    (void)state;
    for (teeth = 3; teeth < 40; teeth += 0.93) {
        for (uint32_t count = 16; count <= 256; count += 13) {
            all++;
            flat_wrong += judge(sawtooth, count, 60).kind != TREND_STEADY;
            growing_wrong += judge(growing_sawtooth, count, 60).kind != TREND_GROWS;
        }
    }
    assert_true(flat_wrong * 50 <= all);
    assert_true(growing_wrong * 50 <= all);
}

static void little_is_unclear(void **state)
{
    struct trend t;

    (void)state;
    for (uint32_t count = 0; count < TREND_POINTS_MIN; count++)
        assert_int_equal(judge(linear, count, 60).kind, TREND_UNCLEAR);
    assert_int_equal(judge(linear, 20, 0).kind, TREND_UNCLEAR); /* all at one time */
    for (uint32_t count = 20; count <= 256; count += 9)
        assert_int_equal(judge(one_step, count, 60).kind, TREND_UNCLEAR);
    assert_int_equal(trend_find(&t, NULL, 0, NULL), 0);
    assert_int_equal(t.used, 0);
}

static void slopes_are_bytes_a_second(void **state)
{
    struct trend t = judge(linear, 61, 120);

    (void)state;
    assert_true(fabs(t.slope - MIB / 2) < 1);
    assert_true(fabs(t.late_slope - MIB / 2) < 1);
    assert_true(t.slope_low <= t.slope && t.slope <= t.slope_high);
    assert_true(t.confidence > 0.999);
    t = judge(falling, 61, 100);
    assert_true(fabs(t.slope + MIB) < 1);
    assert_true(t.confidence < 0.001);
    t = judge(flat, 61, 100);
    assert_true(t.slope == 0 && t.confidence == 0.5);
}

/* The interval holds the true slope about as often as it says. */
/* Nothing for most of the time, and then as much again and again. */
static double late(double at)
{
    return at < 0.06 ? 0 : at < 0.8 ? 300 : 300 + (at - 0.79) * 10 * MIB;
}

static void what_begins_late_has_a_slope(void **state)
{
    struct trend t = judge(late, 33, 10);

    (void)state;
    assert_int_equal(t.kind, TREND_GROWS);
    assert_true(t.slope > 0);
    assert_true(t.slope_low <= t.slope && t.slope <= t.slope_high);
}

static void the_interval_holds_the_slope(void **state)
{
    uint32_t outside = 0;

    (void)state;
    for (uint64_t i = 1; i <= SEEDS; i++) {
        struct trend t;

        seed = i * UINT64_C(0x9e3779b97f4a7c15);
        t = judge(noisy_linear, 50, 60);
        outside += t.slope_low > MIB || t.slope_high < MIB;
    }
    assert_true(outside * 100 <= 8 * SEEDS);
    assert_true(outside > 0);
}

static void bad_times_are_passed_over(void **state)
{
    struct trend_point points[40];
    struct trend t;

    (void)state;
    for (uint32_t i = 0; i < 40; i++)
        points[i] = (struct trend_point){i % 2 ? i : i - 5.0, i * UINT64_C(1000)};
    points[7].seconds = (double)NAN;
    points[9].seconds = -1;
    assert_int_equal(trend_find(&t, points, 40, NULL), 0);
    assert_true(t.used > 8 && t.used < 40);
    assert_int_equal(t.kind, TREND_GROWS);
    assert_true(isfinite(t.slope) && isfinite(t.slope_low) && isfinite(t.slope_high));
    for (uint32_t i = 0; i < 40; i++)
        points[i] = (struct trend_point){i, i % 2 ? UINT64_MAX : 0};
    assert_int_equal(trend_find(&t, points, 40, NULL), 0);
    assert_true(isfinite(t.slope));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_is_seen),
        cmocka_unit_test(caches_level_off),
        cmocka_unit_test(what_does_not_rise_is_steady),
        cmocka_unit_test(sawteeth_are_told_from_growth),
        cmocka_unit_test(little_is_unclear),
        cmocka_unit_test(slopes_are_bytes_a_second),
        cmocka_unit_test(what_begins_late_has_a_slope),
        cmocka_unit_test(the_interval_holds_the_slope),
        cmocka_unit_test(bad_times_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
