// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings-parts.h"
#include "src/host/text/units.h"

#define GROWN_PERCENT 5u  /* of the peaks of heap and mappings, that the line grew by */
#define LONG_SECONDS 60.0 /* of a run: growth over less may be the work it was given */
#define SHORT_CONFIDENCE 0.5
#define GROWTH_WEIGHT 10u /* it goes on */

/* How the run's length bears on it: a batch program grows, too, and ends. */
static double confidence(const struct courses *c, const struct course *course)
{
    double share = (c->to - c->from) / LONG_SECONDS;

    if (share > 1)
        share = 1;
    return course->trend.confidence * (SHORT_CONFIDENCE + (1 - SHORT_CONFIDENCE) * share);
}

static void word(struct finding *f, const struct courses *c, const struct course *course)
{
    struct strbuf *out = &f->text;
    char from[UNITS_TEXT], to[UNITS_TEXT], rate[UNITS_TEXT], seconds[UNITS_TEXT];

    strbuf_addf(out, "grew all the time, from %s to %s in %s (%s), and had not stopped",
                units_bytes(from, course->first, false), units_bytes(to, course->highest, false),
                units_seconds(seconds, c->to - c->from),
                units_rate(rate, course->trend.slope, false));
    if (course->row.stats.live_bytes < course->highest / 2)
        strbuf_add(out, ": something holds on to it until the end; give that a limit, or drop "
                        "what is no longer needed");
    else
        strbuf_add(out, ": something holds on to it; give that a limit, or free what is no longer "
                        "needed");
}

int findings_of_growth(struct findings_making *m)
{
    const struct profile_totals *t = &m->profile->totals;
    const struct courses *c = &m->courses;

    for (size_t i = 0; i < c->row_count && c->rows[i].trend.kind == TREND_GROWS; i++) {
        const struct course *course = &c->rows[i];
        uint64_t grown = course->highest - course->first;
        struct finding *f;

        if (course->highest <= course->first || course->trend.slope_low <= 0 ||
            !finding_share(grown, t->peak_bytes + t->mmap_peak_bytes, GROWN_PERCENT))
            continue;
        f = finding_add(m, FINDING_GROWS, grown, confidence(c, course), &course->row);
        if (!f)
            return -1;
        f->cost = grown * GROWTH_WEIGHT;
        word(f, c, course);
    }
    return 0;
}
