/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what a site holds keeps growing, from its bytes at the checkpoints of
 * a run: the difference between a leak that an ended program has freed after
 * all, or that something still refers to, and a cache that has filled up.
 *
 * Robust on purpose, since a checkpoint falls anywhere in a program's own
 * rhythm: the slope is the median of the slopes between all pairs of points
 * (Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968),
 * with his confidence interval; whether there is a trend at all is the
 * Mann-Kendall test with its correction for ties; and how it went on is told by
 * the medians of the four quarters of the time.  A few points far off (the heap
 * freed at the end, one peak) change none of that.
 *
 *   grows      rises over the whole time and over its second half (tests at 95 and
 *              90 %), by new highs in both halves, and in the last quarter by at
 *              least half of what the quarters before it rose on average
 *   levelled   rose, but not in its second half, or hardly any more
 *   steady     does not rise, or by less than points usually lie off the line: flat,
 *              up and down about a level, or falling
 *   unclear    fewer than TREND_POINTS_MIN points, too few rises to tell steps
 *              from chance, or tests that disagree
 *
 * Points are taken as independent; a slow wave that has been seen once up and
 * never down looks like growth.
 */
#ifndef MEMPROF_HOST_TREND_H
#define MEMPROF_HOST_TREND_H

#include "src/host/error.h"

#include <stdint.h>

#define TREND_POINTS_MIN 8u
#define TREND_POINTS_MAX 256u /* of more, that many at equal distances are used */

struct trend_point {
    double seconds;
    uint64_t bytes;
};

enum trend_kind {
    TREND_UNCLEAR = 0,
    TREND_GROWS,
    TREND_LEVELLED,
    TREND_STEADY,
};

struct trend {
    enum trend_kind kind;
    double slope;                 /* bytes a second over the whole time; late_slope where it
                                   * grows and that is 0, because it began late */
    double slope_low, slope_high; /* it lies between these with 95 % confidence */
    double confidence;            /* that there is a rise at all, 0 to 1 (one-sided) */
    double late_slope;            /* bytes a second over the second half */
    uint32_t used;                /* points */
};

/*
 * Judge a series in the order of time; points whose time does not increase are
 * passed over.  0, or -1 with `e` set (out of memory).  O(n²) for the n points
 * used.
 */
int trend_find(struct trend *t, const struct trend_point *points, uint32_t count, struct error *e);

#endif
