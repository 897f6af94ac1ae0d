// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-growth.h"

#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

#define NAME_COLUMNS_MIN 24
#define INDENT 6 /* of what stands below a row */

/* ------------------------------------------------------------------ verdict -- */

/* Most of what was live at some point was freed by the end, which may have begun before the last.
 */
static bool freed_at_end(const struct course *c)
{
    return c->row.stats.live_bytes < c->highest / 2;
}

/* What becomes of what grows, and what to do. */
static void add_holder(struct strbuf *out, const struct course *c)
{
    uint64_t freed = c->row.stats.total_blocks - c->row.stats.live_blocks;

    if (freed_at_end(c))
        strbuf_add(out, "; freed at the end, so something holds it until then: give that a "
                        "limit, or drop what is no longer needed");
    else if (c->lost_bytes > c->still_bytes)
        strbuf_add(out, "; nothing refers to it any more: it is lost where its last pointer is "
                        "overwritten or goes out of scope");
    else if (c->still_bytes)
        strbuf_add(out, "; something still refers to it: give that a limit, or drop what is no "
                        "longer needed");
    else if (freed == 0)
        strbuf_add(out, "; not one block of it was ever freed");
    else
        strbuf_add(out, "; more of it is allocated than freed");
}

static void add_growing(struct strbuf *out, const struct course *c, bool exact)
{
    double hour = c->trend.slope * 3600;
    char text[UNITS_TEXT];

    strbuf_addf(out, "grows without bound, %s an hour",
                units_bytes(text, hour < 9e18 ? (uint64_t)hour : UINT64_MAX, exact));
    add_holder(out, c);
}

static void add_levelled(struct strbuf *out, const struct course *c, bool exact)
{
    char text[UNITS_TEXT];

    strbuf_addf(out, "levelled off at %s: a cache that has filled, or set-up",
                units_bytes(text, c->highest, exact));
    if (c->lost_bytes > c->still_bytes)
        strbuf_add(out, "; nothing refers to it any more");
}

static void add_unclear(struct strbuf *out, const struct courses *c)
{
    if (courses_too_few(c))
        strbuf_addf(out, "no verdict: it takes %u checkpoints or snapshots, and there %s %" PRIu32,
                    TREND_POINTS_MIN, c->points == 1 ? "is" : "are", c->points);
    else
        strbuf_add(out, "rose, but not so that steps can be told from chance: let it run longer");
}

void report_growth_verdict(struct strbuf *out, const struct courses *c, const struct course *course,
                           bool exact)
{
    switch (course->trend.kind) {
    case TREND_GROWS:
        add_growing(out, course, exact);
        return;
    case TREND_LEVELLED:
        add_levelled(out, course, exact);
        return;
    case TREND_UNCLEAR:
        add_unclear(out, c);
        return;
    case TREND_STEADY:
        strbuf_add(out, "steady: it does not rise");
    }
}

/* --------------------------------------------------------------------- head -- */

static void add_whole(struct strbuf *out, const struct courses *c, bool exact)
{
    char first[UNITS_TEXT], last[UNITS_TEXT], slope[UNITS_TEXT];
    static const char *const words[] = {"unclear", "grows", "levelled off", "steady"};
    const struct course *whole = &c->whole;

    strbuf_addf(out, "  %-14s %s to %s", "whole", units_bytes(first, whole->first, exact),
                units_bytes(last, whole->last, exact));
    if (whole->trend.used >= TREND_POINTS_MIN)
        strbuf_addf(out, ", %s: %s", units_rate(slope, whole->trend.slope, exact),
                    words[whole->trend.kind]);
    strbuf_add(out, "\n");
}

static void add_points(struct strbuf *out, const struct profile *p, const struct courses *c)
{
    char from[UNITS_TEXT], to[UNITS_TEXT];

    strbuf_addf(out, "  %-14s %" PRIu32 " checkpoint%s", "points", c->points,
                c->points == 1 ? " or snapshot" : "s and snapshots");
    if (c->points)
        strbuf_addf(out, ", from %s to %s", units_seconds(from, c->from), units_seconds(to, c->to));
    if (c->points < c->moments)
        strbuf_addf(out, " (of %" PRIu32 ")", c->moments);
    strbuf_add(out, "\n");
    if (courses_too_few(c) && p->process.merged)
        strbuf_add(out, "  note: a merged profile has no checkpoints: look at the single ones\n");
    else if (courses_too_few(c))
        strbuf_addf(out,
                    "  note: fewer than %u points tell nothing of growth: let the program run "
                    "longer, or record\n        it with --snapshot-every 100ms\n",
                    TREND_POINTS_MIN);
}

/* --------------------------------------------------------------------- rows -- */

struct table {
    const struct profile *profile;
    const struct courses *courses;
    const struct report_text_options *options;
    char (*cells)[2][3 * UNITS_TEXT]; /* of each row: the slope, and from where to where */
    int widths[2];
    int number_width;
    size_t name_room, name_columns;
};

static void cells_make(char cells[2][3 * UNITS_TEXT], const struct course *c, bool exact)
{
    char one[UNITS_TEXT], two[UNITS_TEXT], three[UNITS_TEXT];

    if (c->trend.kind == TREND_LEVELLED) /* how it rose before tells nothing of now */
        snprintf(cells[0], 3 * UNITS_TEXT, "%s lately",
                 units_rate(one, c->trend.late_slope, exact));
    else if (c->trend.used >= TREND_POINTS_MIN)
        snprintf(cells[0], 3 * UNITS_TEXT, "%s (%s to %s)", units_rate(one, c->trend.slope, exact),
                 units_rate(two, c->trend.slope_low, exact),
                 units_rate(three, c->trend.slope_high, exact));
    else
        cells[0][0] = '\0';
    snprintf(cells[1], 3 * UNITS_TEXT, "%s to %s, %s blocks", units_bytes(one, c->first, exact),
             units_bytes(two, c->last, exact), units_count(three, c->last_blocks));
}

static void measure_name(struct table *t, const struct course *c)
{
    struct strbuf name;
    size_t columns;

    strbuf_init(&name);
    location_row(&name, t->profile, t->courses->options.group, &c->row, t->name_room);
    columns = escape_columns(strbuf_text(&name));
    t->name_columns = columns > t->name_columns ? columns : t->name_columns;
    strbuf_release(&name);
}

static void measure(struct table *t)
{
    const struct courses *c = t->courses;
    char number[UNITS_TEXT];
    size_t taken;

    t->number_width = snprintf(number, sizeof number, "#%zu", c->row_count);
    for (size_t i = 0; i < c->row_count; i++) {
        cells_make(t->cells[i], &c->rows[i], t->options->exact);
        for (int k = 0; k < 2; k++)
            if ((int)strlen(t->cells[i][k]) > t->widths[k])
                t->widths[k] = (int)strlen(t->cells[i][k]);
    }
    taken = (size_t)(t->number_width + 2 + 2 * 3 + t->widths[0] + t->widths[1]);
    if (t->options->columns)
        t->name_room = t->options->columns > taken + NAME_COLUMNS_MIN ? t->options->columns - taken
                                                                      : NAME_COLUMNS_MIN;
    for (size_t i = 0; i < c->row_count; i++)
        measure_name(t, &c->rows[i]);
}

/* Words below a row, broken where the width asks for it. */
static void add_wrapped(struct strbuf *out, const struct table *t, const char *text)
{
    size_t room = t->options->columns > INDENT + 40 ? t->options->columns - INDENT
                  : t->options->columns             ? 40
                                                    : SIZE_MAX;

    while (*text) {
        size_t length = strlen(text), cut = length;

        if (length > room)
            for (cut = room; cut > 1 && text[cut] != ' ';)
                cut--;
        strbuf_addf(out, "%*s%.*s\n", INDENT, "", (int)cut, text);
        text += cut;
        text += *text == ' ';
    }
}

static void add_stack(struct strbuf *out, const struct table *t, uint32_t node)
{
    struct stacklines stack = {0};

    if (!stacklines_get(&stack, t->profile, node, &t->options->stack))
        out->failed = true;
    for (size_t i = 0; i < stack.count; i++) {
        strbuf_addf(out, "%*s", INDENT + 2, "");
        location_line(out, t->profile, stack.lines[i].line, stack.lines[i].frame,
                      t->options->columns > 60 ? t->options->columns - INDENT - 2 : 0);
        strbuf_add(out, "\n");
    }
    if (stack.hidden)
        strbuf_addf(out, "%*sand %zu more\n", INDENT + 2, "", stack.hidden);
    stacklines_release(&stack);
}

static void add_row(struct strbuf *out, const struct table *t, size_t index)
{
    const struct course *c = &t->courses->rows[index];
    enum view_group group = t->courses->options.group;
    struct strbuf verdict;
    char number[UNITS_TEXT];
    size_t start, columns;

    snprintf(number, sizeof number, "#%zu", index + 1);
    strbuf_addf(out, "%-*s  %s", t->number_width, number, t->options->colour ? BOLD : "");
    start = out->length;
    location_row(out, t->profile, group, &c->row, t->name_room);
    columns = out->failed ? 0 : escape_columns(out->text + start);
    strbuf_addf(out, "%s%*s", t->options->colour ? PLAIN : "",
                columns < t->name_columns ? (int)(t->name_columns - columns) : 0, "");
    strbuf_addf(out, "   %*s   %s\n", t->widths[0], t->cells[index][0], t->cells[index][1]);
    strbuf_init(&verdict);
    report_growth_verdict(&verdict, t->courses, c, t->options->exact);
    add_wrapped(out, t, strbuf_text(&verdict));
    out->failed |= verdict.failed;
    strbuf_release(&verdict);
    if (group == VIEW_TRACEBACK)
        add_stack(out, t, c->row.node);
}

/* "[ 3 lines grow at every look ]", before the first row of a kind. */
static void add_title(struct strbuf *out, const struct table *t, enum trend_kind kind)
{
    static const char *const groups[] = {"line",   "function", "file",      "module",
                                         "thread", "stack",    "size class"};
    static const char *const titles[] = {
        [TREND_GROWS] = "growing: suspects",
        [TREND_UNCLEAR] = "unclear",
        [TREND_LEVELLED] = "levelled off: caches and set-up",
        [TREND_STEADY] = "steady",
    };
    size_t count = t->courses->kinds[kind];
    const char *group = groups[t->courses->options.group];

    strbuf_addf(out, "%s[ %zu %s%s %s ]%s\n", t->options->colour ? BOLD : "", count, group,
                count == 1                    ? ""
                : strcmp(group, "size class") ? "s"
                                              : "es",
                titles[kind], t->options->colour ? PLAIN : "");
}

static void add_rows(struct strbuf *out, const struct table *t)
{
    const struct courses *c = t->courses;

    for (size_t i = 0; i < c->row_count;) {
        enum trend_kind kind = c->rows[i].trend.kind;
        size_t shown = 0;

        add_title(out, t, kind);
        for (; i < c->row_count && c->rows[i].trend.kind == kind; i++, shown++)
            add_row(out, t, i);
        if (shown < c->kinds[kind])
            strbuf_addf(out, "and %zu more\n", c->kinds[kind] - shown);
    }
}

static void add_rest(struct strbuf *out, const struct courses *c, bool exact)
{
    char text[UNITS_TEXT], count[UNITS_TEXT];

    if (c->kinds[TREND_GROWS] == 0 && !courses_too_few(c))
        strbuf_add(out, "nothing grows without bound\n");
    if (c->small_count)
        strbuf_addf(out, "%s other%s rose by less than %s and %s not judged\n",
                    units_count(count, c->small_count), c->small_count == 1 ? "" : "s",
                    units_bytes(text, c->options.min_bytes, exact),
                    c->small_count == 1 ? "was" : "were");
}

void report_growth_text(struct strbuf *out, const struct profile *p, const struct courses *c,
                        const struct report_text_options *options)
{
    struct table t = {.profile = p, .courses = c, .options = options};

    report_text_process(out, p);
    strbuf_add(out, "\n");
    lossnotes_add(out, p, options->exact);
    add_points(out, p, c);
    add_whole(out, c, options->exact);
    t.cells = calloc(c->row_count + 1, sizeof *t.cells);
    if (!t.cells) {
        out->failed = true;
        return;
    }
    measure(&t);
    add_rows(out, &t);
    add_rest(out, c, options->exact);
    free(t.cells);
}
