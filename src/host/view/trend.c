// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/trend.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SURE 0.95
#define SURE_LATE 0.90
#define LATE_SHARE 0.5
#define MAD_TO_DEVIATION 1.4826 /* of the normal distribution */
#define Z95 1.959963985         /* of the normal distribution, two-sided 95 % */

/* The points used, and room for the slopes between all pairs of them. */
struct series {
    double seconds[TREND_POINTS_MAX], bytes[TREND_POINTS_MAX];
    uint32_t count;
    double *slopes;
};

static void take_points(struct series *s, const struct trend_point *points, uint32_t count)
{
    uint32_t most = count < TREND_POINTS_MAX ? count : TREND_POINTS_MAX;

    s->count = 0;
    for (uint32_t i = 0; i < most; i++) {
        /* the first and the last are among them */
        uint64_t at = most > 1 ? (uint64_t)i * (count - 1) / (most - 1) : 0;
        double seconds = points[at].seconds;

        /* also false for what is no number */
        if (!(seconds >= 0) || (s->count && !(seconds > s->seconds[s->count - 1])))
            continue;
        s->seconds[s->count] = seconds;
        s->bytes[s->count++] = (double)points[at].bytes;
    }
}

static int by_value(const void *a, const void *b)
{
    const double *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* Sorts the values. */
static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---------------------------------------------------------------- the test -- */

/* What ties take off the variance: each group of t equal values t(t-1)(2t+5). */
static double tie_sum(const double *bytes, uint32_t count)
{
    double values[TREND_POINTS_MAX], sum = 0;

    memcpy(values, bytes, count * sizeof *values);
    qsort(values, count, sizeof *values, by_value);
    for (uint32_t i = 0, end; i < count; i = end) {
        double ties;

        for (end = i + 1; end < count && values[end] == values[i];)
            end++;
        ties = end - i;
        sum += ties * (ties - 1) * (2 * ties + 5);
    }
    return sum;
}

static double kendall_variance(const double *bytes, uint32_t count)
{
    double n = count;

    return (n * (n - 1) * (2 * n + 5) - tie_sum(bytes, count)) / 18;
}

/* Mann and Kendall: the confidence that values rise. */
static double rising(const double *bytes, uint32_t count)
{
    double score = 0, variance = kendall_variance(bytes, count), z;

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = i + 1; k < count; k++)
            score += (bytes[k] > bytes[i]) - (bytes[k] < bytes[i]);
    if (variance <= 0 || score == 0)
        return 0.5;
    z = (score > 0 ? score - 1 : score + 1) / sqrt(variance); /* a discrete score's correction */
    return erfc(-z / sqrt(2)) / 2;
}

/* --------------------------------------------------------------- the slope -- */

/* Sorted slopes between all pairs of points `from` on. */
static uint32_t pair_slopes(struct series *s, uint32_t from)
{
    uint32_t pairs = 0;

    for (uint32_t i = from; i < s->count; i++)
        for (uint32_t k = i + 1; k < s->count; k++)
            s->slopes[pairs++] = (s->bytes[k] - s->bytes[i]) / (s->seconds[k] - s->seconds[i]);
    qsort(s->slopes, pairs, sizeof *s->slopes, by_value);
    return pairs;
}

static double slope_at(const struct series *s, double rank, uint32_t pairs)
{
    if (rank < 0)
        rank = 0;
    if (rank > pairs - 1)
        rank = pairs - 1;
    return s->slopes[(uint32_t)rank];
}

static void find_slopes(struct trend *t, struct series *s, uint32_t half)
{
    double width = Z95 * sqrt(kendall_variance(s->bytes, s->count)), middle;
    uint32_t pairs = pair_slopes(s, half);

    t->late_slope = median(s->slopes, pairs);
    pairs = pair_slopes(s, 0);
    middle = pairs;
    t->slope = median(s->slopes, pairs);
    t->slope_low = slope_at(s, (middle - width) / 2 - 1, pairs);
    t->slope_high = slope_at(s, (middle + width) / 2, pairs);
}

/* -------------------------------------------------------------- the course -- */

/* The first point at or after a share of the time. */
static uint32_t point_at(const struct series *s, double share)
{
    double first = s->seconds[0], last = s->seconds[s->count - 1];
    uint32_t i = 0;

    while (i < s->count && s->seconds[i] < first + (last - first) * share)
        i++;
    return i;
}

/* The middle of the bytes of a quarter of the time; false when it has no point. */
static bool quarter_level(const struct series *s, uint32_t quarter, double *level)
{
    uint32_t from = point_at(s, quarter / 4.0);
    uint32_t to = quarter == 3 ? s->count : point_at(s, (quarter + 1) / 4.0);
    double values[TREND_POINTS_MAX];

    if (from >= to)
        return false;
    memcpy(values, s->bytes + from, (to - from) * sizeof *values);
    *level = median(values, to - from);
    return true;
}

/* Points from `from` on that are higher than all before. */
static uint32_t new_highs(const struct series *s, uint32_t from)
{
    double highest = s->bytes[0];
    uint32_t count = 0;

    for (uint32_t i = 1; i < s->count; i++) {
        if (s->bytes[i] <= highest)
            continue;
        highest = s->bytes[i];
        count += i >= from;
    }
    return count;
}

/* How far points usually lie from the line: the median of the distances, as a deviation. */
static double spread(const struct series *s, double slope)
{
    double values[TREND_POINTS_MAX], middle;

    for (uint32_t i = 0; i < s->count; i++)
        values[i] = s->bytes[i] - slope * s->seconds[i];
    middle = median(values, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        values[i] = fabs(values[i] - middle);
    return MAD_TO_DEVIATION * median(values, s->count);
}

/* Of a series that rises: whether it still does. */
static enum trend_kind how_it_goes_on(const struct series *s, uint32_t half, double slope)
{
    double levels[4], before, late, sure = rising(s->bytes + half, s->count - half);

    for (uint32_t q = 0; q < 4; q++)
        if (!quarter_level(s, q, &levels[q]))
            return TREND_UNCLEAR;
    /* up and down, of which the points happened to catch more ups: the tests know no waves */
    if (levels[3] - levels[0] <= spread(s, slope))
        return TREND_STEADY;
    before = (levels[2] - levels[0]) / 2;
    late = levels[3] - levels[2];
    if (new_highs(s, half) == 0 || sure < SURE_LATE)
        return sure < SURE_LATE && late > before ? TREND_UNCLEAR : TREND_LEVELLED;
    if (late < LATE_SHARE * before)
        return TREND_LEVELLED;
    /* one or two steps may be chance */
    if (new_highs(s, half) < 2 || new_highs(s, 0) < 4)
        return TREND_UNCLEAR;
    return TREND_GROWS;
}

int trend_find(struct trend *t, const struct trend_point *points, uint32_t count, struct error *e)
{
    struct series s;
    uint32_t half;

    *t = (struct trend){.kind = TREND_UNCLEAR, .confidence = 0.5};
    take_points(&s, points, count);
    t->used = s.count;
    if (s.count < TREND_POINTS_MIN)
        return 0;
    half = point_at(&s, 0.5);
    if (half > s.count - 2) /* nothing is known of the second half */
        return 0;
    s.slopes = calloc((size_t)s.count * (s.count - 1) / 2, sizeof *s.slopes);
    if (!s.slopes)
        return error_set(e, ERROR_MEMORY, "out of memory while judging how the heap grows");
    t->confidence = rising(s.bytes, s.count);
    find_slopes(t, &s, half);
    t->kind = t->confidence >= SURE ? how_it_goes_on(&s, half, t->slope) : TREND_STEADY;
    if (t->kind == TREND_GROWS && t->slope <= 0) { /* for less than half of the time */
        t->slope = t->late_slope;
        t->slope_high = fmax(t->slope_high, t->late_slope);
    }
    free(s.slopes);
    return 0;
}
