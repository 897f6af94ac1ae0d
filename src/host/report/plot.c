// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/plot.h"

#include "src/host/text/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 8
#define STEPS 8 /* of one character's height */
#define COLUMNS_MAX 120
#define COLUMNS_MIN 16
#define COLUMNS_DEFAULT 80

/* What happened in one column. */
struct sign {
    unsigned count;
    char text[16]; /* of the only one */
};

struct plot {
    const struct profile *profile;
    const struct plot_options *options;
    double end;      /* seconds that the right edge stands for */
    size_t columns;  /* of the area */
    int label_width; /* of the numbers left of it */
    uint64_t live[COLUMNS_MAX], rss[COLUMNS_MAX];
    uint64_t live_max, rss_max;
    struct sign signs[COLUMNS_MAX]; /* below: peak, snapshots, marks */
    char sign_line[COLUMNS_MAX + 1];
};

/* ---------------------------------------------------------------- points -- */

/* Whatever says how much was live when: samples, moments, marks, the peak. */
struct point {
    double seconds;
    uint64_t live, rss; /* rss 0: not known */
};

static int compare_points(const void *left, const void *right)
{
    const struct point *x = left, *y = right;

    return x->seconds < y->seconds ? -1 : x->seconds > y->seconds;
}

/* All of them by time, `*count` of them, from malloc; NULL when memory runs out. */
static struct point *points_of(const struct profile *p, size_t *count)
{
    size_t all = (size_t)p->sample_count + p->moment_count + p->mark_count + 1, n = 0;
    struct point *points = malloc(all * sizeof *points);

    if (!points)
        return NULL;
    for (uint32_t i = 0; i < p->sample_count; i++) {
        const struct profile_sample *s = &p->samples[i];

        points[n++] = (struct point){s->seconds, s->live_bytes, s->rss_bytes};
    }
    for (uint32_t i = 0; i < p->moment_count; i++) {
        const struct profile_moment *m = &p->moments[i];

        points[n++] = (struct point){m->seconds, m->live_bytes, m->rss_bytes};
    }
    for (uint32_t i = 0; i < p->mark_count; i++)
        points[n++] = (struct point){p->marks[i].seconds, p->marks[i].live_bytes, 0};
    points[n++] = (struct point){p->totals.peak_seconds, p->totals.peak_bytes, 0};
    for (size_t i = 0; i < n; i++) /* a number that is none cannot be sorted */
        if (!(points[i].seconds > 0))
            points[i].seconds = 0;
    qsort(points, n, sizeof *points, compare_points);
    *count = n;
    return points;
}

/* Times come from files: whatever they are, the column is one of the plot's. */
static size_t column_of(const struct plot *plot, double seconds)
{
    double at = plot->end > 0 ? seconds / plot->end * (double)plot->columns : 0;

    if (!(at > 0))
        return 0;
    return at < (double)plot->columns ? (size_t)at : plot->columns - 1;
}

static void raise_to(uint64_t *value, uint64_t other)
{
    if (other > *value)
        *value = other;
}

/* A column with nothing of its own goes on with what was said last. */
static void fill(struct plot *plot, size_t from, size_t to, const struct point *last)
{
    for (size_t c = from; c < to; c++) {
        plot->live[c] = last->live;
        plot->rss[c] = last->rss;
    }
}

static void take_points(struct plot *plot, const struct point *points, size_t count)
{
    struct point last = {0};
    size_t filled = 0; /* columns up to here have their numbers */

    for (size_t i = 0; i < count; i++) {
        size_t c = column_of(plot, points[i].seconds);

        if (c > filled)
            fill(plot, filled, c, &last);
        if (c >= filled)
            filled = c + 1;
        last.seconds = points[i].seconds;
        last.live = points[i].live;
        last.rss = points[i].rss ? points[i].rss : last.rss;
        raise_to(&plot->live[c], last.live);
        raise_to(&plot->rss[c], last.rss);
    }
    fill(plot, filled, plot->columns, &last);
    for (size_t c = 0; c < plot->columns; c++) {
        raise_to(&plot->live_max, plot->live[c]);
        raise_to(&plot->rss_max, plot->rss[c]);
    }
}

/* ----------------------------------------------------------------- signs -- */

static void put_sign(struct plot *plot, double seconds, const char *text)
{
    struct sign *sign = &plot->signs[column_of(plot, seconds)];

    if (sign->count++ == 0)
        snprintf(sign->text, sizeof sign->text, "%s", text);
}

/* Whether the sign of column `c` can be told from what stands around it. */
static bool sign_fits(const struct plot *plot, size_t c)
{
    size_t length = strlen(plot->signs[c].text);

    if (plot->signs[c].count > 1 || c + length > plot->columns)
        return false;
    for (size_t i = 1; i < length; i++)
        if (plot->signs[c + i].count)
            return false;
    return c == 0 || !isdigit((unsigned char)plot->sign_line[c - 1]) || *plot->signs[c].text > '9';
}

/* A star stands where there are several, or no room for a number. */
static void write_signs(struct plot *plot)
{
    memset(plot->sign_line, ' ', plot->columns);
    for (size_t c = 0; c < plot->columns; c++) {
        if (plot->signs[c].count == 0)
            continue;
        if (sign_fits(plot, c))
            memcpy(plot->sign_line + c, plot->signs[c].text, strlen(plot->signs[c].text));
        else
            plot->sign_line[c] = '*';
    }
}

static void take_signs(struct plot *plot)
{
    const struct profile *p = plot->profile;
    char number[16];

    for (uint32_t i = 0; i < p->moment_count; i++) {
        if (p->moments[i].number == 0)
            continue;
        snprintf(number, sizeof number, "%" PRIu32, p->moments[i].number);
        put_sign(plot, p->moments[i].seconds, number);
    }
    for (uint32_t i = 0; i < p->mark_count; i++)
        put_sign(plot, p->marks[i].seconds, "^");
    /* The peak is what everybody looks for: it comes before whatever else is there. */
    if (p->totals.peak_bytes)
        plot->signs[column_of(plot, p->totals.peak_seconds)] = (struct sign){1, "P"};
    write_signs(plot);
}

static bool has_snapshots(const struct profile *p)
{
    for (uint32_t i = 0; i < p->moment_count; i++)
        if (p->moments[i].number)
            return true;
    return false;
}

/* --------------------------------------------------------------- drawing -- */

/* The character whose lower `steps` of STEPS are filled. */
static const char *block(const struct plot *plot, unsigned steps)
{
    static const char *const blocks[] = {" ",
                                         "\xe2\x96\x81",
                                         "\xe2\x96\x82",
                                         "\xe2\x96\x83",
                                         "\xe2\x96\x84",
                                         "\xe2\x96\x85",
                                         "\xe2\x96\x86",
                                         "\xe2\x96\x87",
                                         "\xe2\x96\x88"};
    static const char *const ascii[] = {" ", ".", ".", ".", ":", ":", ":", "|", "|"};

    return plot->options->ascii ? ascii[steps] : blocks[steps];
}

/* Steps out of `all` for a value; something is never nothing. */
static unsigned steps_of(uint64_t value, uint64_t max, unsigned all)
{
    unsigned steps = max ? (unsigned)((double)value / (double)max * all + 0.5) : 0;

    if (value && steps == 0)
        return 1;
    return steps < all ? steps : all;
}

static void trim(struct strbuf *out)
{
    while (out->length && out->text[out->length - 1] == ' ')
        out->text[--out->length] = '\0';
}

static void add_label(struct strbuf *out, const struct plot *plot, const char *label,
                      const char *axis)
{
    strbuf_addf(out, "  %*s %s", plot->label_width, label, axis);
}

static void add_row(struct strbuf *out, const struct plot *plot, unsigned row)
{
    bool ascii = plot->options->ascii, labelled = row == 0 || row == ROWS / 2;
    unsigned below = (ROWS - 1 - row) * STEPS;
    char label[UNITS_TEXT] = "";

    if (labelled)
        units_bytes(label, row == 0 ? plot->live_max : plot->live_max / 2, plot->options->exact);
    add_label(out, plot, label,
              ascii      ? labelled ? "+" : "|"
              : labelled ? "\xe2\x94\xa4"
                         : "\xe2\x94\x82");
    for (size_t c = 0; c < plot->columns; c++) {
        unsigned steps = steps_of(plot->live[c], plot->live_max, ROWS * STEPS);

        steps = steps > below ? steps - below : 0;
        strbuf_add(out, block(plot, steps < STEPS ? steps : STEPS));
    }
    trim(out);
    strbuf_add(out, "\n");
}

static void add_axis(struct strbuf *out, const struct plot *plot)
{
    bool ascii = plot->options->ascii;
    char end[UNITS_TEXT];

    add_label(out, plot, "0 B", ascii ? "+" : "\xe2\x94\x94");
    for (size_t c = 0; c < plot->columns; c++)
        strbuf_add(out, ascii ? "-" : "\xe2\x94\x80");
    strbuf_add(out, "\n");
    units_time(end, plot->end);
    add_label(out, plot, "", " ");
    strbuf_addf(out, "0 s%*s\n", (int)plot->columns - 3, end);
}

/* The resident set has a scale of its own: it may be many times the heap. */
static void add_rss(struct strbuf *out, const struct plot *plot)
{
    char label[UNITS_TEXT];

    if (plot->rss_max == 0)
        return;
    units_bytes(label, plot->rss_max, plot->options->exact);
    add_label(out, plot, label, plot->options->ascii ? "+" : "\xe2\x94\xa4");
    for (size_t c = 0; c < plot->columns; c++)
        strbuf_add(out, block(plot, steps_of(plot->rss[c], plot->rss_max, STEPS)));
    trim(out);
    strbuf_add(out, "  RSS\n");
}

static void add_signs(struct strbuf *out, const struct plot *plot)
{
    const struct profile *p = plot->profile;

    if (strspn(plot->sign_line, " ") == strlen(plot->sign_line))
        return;
    add_label(out, plot, "", " ");
    strbuf_add(out, plot->sign_line);
    trim(out);
    strbuf_add(out, "\n");
    add_label(out, plot, "", " ");
    strbuf_addf(out, "P peak%s%s%s\n", has_snapshots(p) ? "   1 2 3 snapshots" : "",
                p->mark_count ? "   ^ marks" : "",
                strchr(plot->sign_line, '*') ? "   * several, or no room" : "");
}

static int label_width(const struct plot *plot)
{
    char text[UNITS_TEXT];
    int half = (int)strlen(units_bytes(text, plot->live_max / 2, plot->options->exact));
    int whole = (int)strlen(units_bytes(text, plot->live_max, plot->options->exact));
    int rss = (int)strlen(units_bytes(text, plot->rss_max, plot->options->exact));

    whole = half > whole ? half : whole;
    return plot->rss_max && rss > whole ? rss : whole;
}

static size_t area_columns(const struct plot_options *options)
{
    size_t all = options->columns ? options->columns : COLUMNS_DEFAULT;
    size_t taken = 2 + (options->exact ? 18 : 8) + 2 + 5; /* labels, axis, "  RSS" */

    if (all < taken + COLUMNS_MIN)
        return COLUMNS_MIN;
    return all - taken < COLUMNS_MAX ? all - taken : COLUMNS_MAX;
}

void plot_timeline(struct strbuf *out, const struct profile *p, const struct plot_options *options)
{
    struct plot plot = {.profile = p, .options = options};
    struct point *points;
    size_t count;

    if (p->sample_count == 0)
        return;
    points = points_of(p, &count);
    if (!points) {
        out->failed = true;
        return;
    }
    plot.end = p->process.seconds > points[count - 1].seconds ? p->process.seconds
                                                              : points[count - 1].seconds;
    plot.columns = area_columns(options);
    take_points(&plot, points, count);
    free(points);
    take_signs(&plot);
    plot.label_width = label_width(&plot);
    for (unsigned row = 0; row < ROWS; row++)
        add_row(out, &plot, row);
    add_axis(out, &plot);
    add_rss(out, &plot);
    add_signs(out, &plot);
}
