// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-growth.h"

#include "src/host/report/report-csv.h"
#include "src/host/view/location.h"

#include <inttypes.h>

static void add_rate(struct strbuf *out, const struct trend *t, double value)
{
    if (t->used >= TREND_POINTS_MIN)
        strbuf_addf(out, "%.3f", value);
    strbuf_add(out, ",");
}

/* The place as a text: the grouping says what of it is fixed. */
static void add_place(struct strbuf *out, const struct profile *p, enum view_group group,
                      const struct view_row *row)
{
    struct strbuf name;

    strbuf_init(&name);
    location_row(&name, p, group, row, 0);
    report_csv_text(out, strbuf_text(&name));
    out->failed |= name.failed;
    strbuf_release(&name);
}

static void add_row(struct strbuf *out, const struct profile *p, const struct courses *c,
                    const struct course *course)
{
    const struct trend *t = &course->trend;
    const struct profile_stats *s = &course->row.stats;

    strbuf_addf(out, "%s,", courses_kind_word(t->kind));
    add_rate(out, t, t->slope);
    add_rate(out, t, t->slope_low);
    add_rate(out, t, t->slope_high);
    add_rate(out, t, t->late_slope);
    add_rate(out, t, t->confidence);
    strbuf_addf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", course->first,
                course->last, course->last_blocks, course->highest);
    strbuf_addf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", s->live_bytes,
                s->live_blocks, s->total_bytes, s->total_blocks);
    add_place(out, p, c->options.group, &course->row);
    strbuf_add(out, "\r\n");
}

int report_growth_csv(FILE *out, const struct profile *p, const struct courses *c, struct error *e)
{
    struct strbuf text;
    bool ok;

    strbuf_init(&text);
    strbuf_add(&text, "verdict,slope,slope_low,slope_high,late_slope,confidence,first_bytes,"
                      "last_bytes,last_blocks,highest_bytes,live_bytes,live_blocks,total_bytes,"
                      "total_blocks,place\r\n");
    for (size_t i = 0; i < c->row_count; i++)
        add_row(&text, p, c, &c->rows[i]);
    ok = !text.failed;
    if (ok)
        fwrite(strbuf_text(&text), 1, text.length, out);
    strbuf_release(&text);
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the CSV report");
    return ok ? 0 : error_set(e, ERROR_MEMORY, "out of memory while writing the CSV report");
}
