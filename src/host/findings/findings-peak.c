// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings-parts.h"
#include "src/host/text/units.h"

#include <stdlib.h>

#define PEAK_BYTES (UINT64_C(1) << 20)
#define PEAK_PERCENT 15u  /* of the peak: what the line held, and what would be saved */
#define GONE_PERCENT 10u  /* of what it held at the peak that may still be live soon after */
#define REST_PERCENT 25u  /* of the peak that all else must have been */
#define SHORT_PERCENT 10u /* or: of the points, at which the line held half of that or more */
#define SHORT_POINTS 10u
#define STAYS_PERCENT 50u /* of all else that must be */
#define SOON_SHARE 0.1    /* of the run, or this: */
#define SOON_SECONDS 1.0
#define ALIKE_PERCENT 12u /* by which two sizes may differ to be a copy */
#define SURE_OF_COPY 0.8
#define SURE 0.6 /* no other line holds as much */

static bool alike(uint64_t a, uint64_t b)
{
    uint64_t less = a < b ? a : b, more = a < b ? b : a;

    return less && finding_share(less, more, 100 - ALIKE_PERCENT);
}

/* The course of a line of the heap; NULL where it has none. */
static const struct course *course_of(const struct courses *c, const struct view_row *row)
{
    for (size_t i = 0; i < c->all_count; i++)
        if (c->rows[i].row.node == row->node && c->rows[i].row.line == row->line)
            return &c->rows[i];
    return NULL;
}

/*
 * What was live of the line and of all else soon after the peak: at the first point where
 * the line has let go, or at the end of the run if that is soon.  false: it did not.
 */
static bool after_peak(const struct findings_making *m, const struct course *course,
                       const struct view_row *row, uint64_t *others)
{
    const struct profile *p = m->profile;
    const struct courses *c = &m->courses;
    double soon = p->process.seconds * SOON_SHARE;
    const uint64_t *line = course ? courses_bytes(c, course) : NULL;
    const uint64_t *whole = courses_bytes(c, &c->whole);

    soon = p->totals.peak_seconds + (soon > SOON_SECONDS ? soon : SOON_SECONDS);
    for (uint32_t i = 0; line && i < c->points && c->seconds[i] <= soon; i++) {
        if (c->seconds[i] < p->totals.peak_seconds ||
            finding_share(line[i], row->stats.peak_bytes, GONE_PERCENT))
            continue;
        *others = whole[i] - line[i];
        return true;
    }
    if (p->process.seconds > soon ||
        finding_share(row->stats.live_bytes, row->stats.peak_bytes, GONE_PERCENT))
        return false;
    *others = p->totals.live_bytes - row->stats.live_bytes;
    return true;
}

/* The highest that all else was at any point: the peak that would be left. */
static uint64_t peak_without(const struct findings_making *m, const struct course *course,
                             const struct view_row *row)
{
    const struct courses *c = &m->courses;
    uint64_t highest = m->profile->totals.peak_bytes - row->stats.peak_bytes;
    const uint64_t *line = course ? courses_bytes(c, course) : NULL;
    const uint64_t *whole = courses_bytes(c, &c->whole);

    for (uint32_t i = 0; i < c->points; i++) {
        uint64_t rest = whole[i] - (line ? line[i] : 0);

        highest = rest > highest ? rest : highest;
    }
    return highest;
}

/* The line whose blocks this one's could be copies of, by the size of all or of the largest. */
static const struct view_row *original(const struct findings_making *m, const struct view_row *row)
{
    for (size_t i = 0; i < m->heap.row_count; i++) {
        const struct view_row *other = &m->heap.rows[i];
        uint64_t bytes = other->stats.peak_bytes;

        if (other != row && bytes &&
            (alike(bytes, row->stats.peak_bytes) ||
             (other->stats.largest <= bytes && row->stats.largest <= row->stats.peak_bytes &&
              row->stats.largest >= PEAK_BYTES && alike(other->stats.largest, row->stats.largest))))
            return other;
    }
    return NULL;
}

static int add_finding(struct findings_making *m, const struct view_row *row, uint64_t saved)
{
    const struct view_row *other = original(m, row);
    struct finding *f = finding_add(m, FINDING_COPY, saved, other ? SURE_OF_COPY : SURE, row);
    char held[UNITS_TEXT], peak[UNITS_TEXT], less[UNITS_TEXT];

    if (!f)
        return -1;
    strbuf_addf(&f->text, "held %s of the peak of %s and let go of it soon after",
                units_bytes(held, row->stats.peak_bytes, false),
                units_bytes(peak, m->profile->totals.peak_bytes, false));
    if (other) {
        strbuf_add(&f->text, ": about as much as ");
        finding_place(&f->text, m->profile, other);
        strbuf_addf(&f->text, " held, so probably a copy of it; without one the peak is %s lower",
                    units_bytes(less, saved, false));
    } else {
        strbuf_addf(&f->text, ": without it, or in smaller pieces, the peak is %s lower",
                    units_bytes(less, saved, false));
    }
    return 0;
}

/* Whether the line held much for a small part of the run only. */
static bool short_lived(const struct findings_making *m, const struct course *course,
                        const struct view_row *row)
{
    const struct courses *c = &m->courses;
    const uint64_t *line = course ? courses_bytes(c, course) : NULL;
    uint32_t high = 0;

    for (uint32_t i = 0; line && i < c->points; i++)
        high += line[i] >= row->stats.peak_bytes / 2;
    return c->points >= SHORT_POINTS && high * 100 <= c->points * SHORT_PERCENT;
}

/* A program that frees everything at its end lets go of each line then, and that says nothing. */
static bool stands_out(const struct findings_making *m, const struct course *course,
                       const struct view_row *row, uint64_t others)
{
    uint64_t peak = m->profile->totals.peak_bytes, rest = peak - row->stats.peak_bytes;

    return (finding_share(rest, peak, REST_PERCENT) &&
            finding_share(others, rest, STAYS_PERCENT)) ||
           short_lived(m, course, row);
}

static int look_at(struct findings_making *m, const struct view_row *row)
{
    uint64_t peak = m->profile->totals.peak_bytes, left, others;
    const struct course *course = course_of(&m->courses, row);

    if (row->stats.peak_bytes < PEAK_BYTES || row->stats.peak_bytes > peak ||
        !finding_share(row->stats.peak_bytes, peak, PEAK_PERCENT) ||
        !after_peak(m, course, row, &others) || !stands_out(m, course, row, others))
        return 0;
    left = peak_without(m, course, row);
    if (left >= peak || !finding_share(peak - left, peak, PEAK_PERCENT))
        return 0;
    return add_finding(m, row, peak - left);
}

int findings_of_peak(struct findings_making *m)
{
    if (m->profile->process.merged) /* a sum of peaks was at no one time */
        return 0;
    for (size_t i = 0; i < m->heap.row_count; i++)
        if (look_at(m, &m->heap.rows[i]) != 0)
            return -1;
    return 0;
}
