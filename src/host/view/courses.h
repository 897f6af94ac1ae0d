/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the bytes of each row of a view went over the moments of a run, its
 * checkpoints and snapshots: what grows at every one of them, what levelled off.
 * The end of the run is not a point: many programs free everything there.
 */
#ifndef MEMPROF_HOST_COURSES_H
#define MEMPROF_HOST_COURSES_H

#include "src/host/view/trend.h"
#include "src/host/view/view.h"

struct course {
    struct view_row row;  /* the place; its stats are those of the end, its amount means
                           * nothing */
    struct trend trend;   /* steady, without numbers, where it was not judged */
    uint64_t first, last; /* bytes live at the first and the last point */
    uint64_t highest;     /* at the point where they were most */
    uint64_t last_blocks; /* blocks live at the last point */
    uint64_t lost_bytes;  /* of the last search for leaks: definite and indirect ... */
    uint64_t still_bytes; /* ... and all others that were live; 0 without a search */
    size_t series;        /* see courses_bytes */
    bool judged;          /* rose by at least min_bytes */
};

struct courses {
    struct view_options options;
    struct course whole; /* all that passes the filters; always judged */
    struct course *rows; /* sorted: see courses_find */
    size_t row_count;
    size_t all_count; /* with those behind them that are left out, in no order */
    size_t
        kinds[TREND_STEADY + 1]; /* rows of each kind, of those judged; the limit is not applied */
    size_t small_count;          /* rows that were not: they rose by less than min_bytes */
    uint32_t moments, points;    /* those before the end; as many of them as were looked at */
    double *seconds;             /* of the points */
    uint64_t *series;            /* bytes live of each row at each of them */
    double from, to;             /* seconds, of the first and last */
};

/*
 * Judge each row.  Of `options` group, domain, limit, min_bytes, skip, choices and filter are
 * used.  `rows` has what grows, the steepest first; then what is unclear and what
 * levelled off, the highest first; then, of those judged, what is steady; at most
 * `limit` of each kind.  0, or -1 with `e` set and `c` empty.
 */
int courses_find(struct courses *c, const struct profile *p, const struct view_options *options,
                 struct error *e);
void courses_release(struct courses *c);

/* "grows", "levelled", "steady", "unclear": for options and reports. */
const char *courses_kind_word(enum trend_kind kind);

/* Bytes live at each point, in the order of `seconds`; valid as long as `c`. */
const uint64_t *courses_bytes(const struct courses *c, const struct course *course);

/* Whether there are fewer than TREND_POINTS_MIN points: every row is then unclear. */
bool courses_too_few(const struct courses *c);

#endif
