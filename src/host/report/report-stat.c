// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-stat.h"

#include "src/host/profile/domain.h"
#include "src/host/report/plot.h"
#include "src/host/text/escape.h"
#include "src/host/text/shorten.h"
#include "src/host/text/units.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

#define LABEL "  %-14s "
#define LABEL_COLUMNS 17
#define NAME_COLUMNS 32 /* that a label of a snapshot or mark may take */

static void add_title(struct strbuf *out, const struct report_stat_options *o, const char *title)
{
    strbuf_addf(out, "%s[ %s ]%s\n", o->text.colour ? BOLD : "", title,
                o->text.colour ? PLAIN : "");
}

/* -------------------------------------------------------------- process -- */

static void add_text_line(struct strbuf *out, const struct report_stat_options *o,
                          const char *label, const char *text)
{
    size_t columns = o->text.columns;

    if (*text == '\0')
        return;
    strbuf_addf(out, LABEL, label);
    shorten_text(out, text,
                 columns > LABEL_COLUMNS + 20 ? columns - LABEL_COLUMNS
                 : columns                    ? 20
                                              : 0);
    strbuf_add(out, "\n");
}

static void add_start(struct strbuf *out, const struct profile *p)
{
    const char *host = profile_text(p, p->process.host);
    const char *version = profile_text(p, p->process.memprof_version);
    time_t start = (time_t)p->process.started_unix;
    char text[64];
    struct tm tm;

    if (!p->process.started_unix || !localtime_r(&start, &tm) ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
        snprintf(text, sizeof text, "at an unknown time");
    strbuf_addf(out, LABEL "%s", "started", text);
    if (*host) {
        strbuf_add(out, " on ");
        escape_text(out, host);
    }
    if (*version) {
        strbuf_add(out, ", recorded by memprof ");
        escape_text(out, version);
    }
    strbuf_add(out, "\n");
}

/* ---------------------------------------------------------------- table -- */

/* A table of right-aligned cells behind a name, made row by row and then written. */
#define CELLS_MAX 5

struct stat_row {
    char name[16];
    struct strbuf label;
    char cells[CELLS_MAX][UNITS_TEXT + 8];
    struct strbuf note;
};

struct stat_table {
    struct stat_row *rows;
    size_t count, room;
    bool failed;
};

static struct stat_row *table_row(struct stat_table *t)
{
    size_t room = t->room ? t->room * 2 : 16;
    struct stat_row *grown;

    if (t->count == t->room) {
        grown = realloc(t->rows, room * sizeof *grown);
        if (!grown) {
            t->failed = true;
            return NULL;
        }
        t->rows = grown;
        t->room = room;
    }
    t->rows[t->count] = (struct stat_row){.name = ""};
    return &t->rows[t->count++];
}

static void widen(int *width, size_t columns)
{
    if ((int)columns > *width)
        *width = (int)columns;
}

static void table_write(struct strbuf *out, const struct stat_table *t)
{
    int name = 0, label = 0, cells[CELLS_MAX] = {0};

    for (size_t i = 0; i < t->count; i++) {
        widen(&name, strlen(t->rows[i].name));
        widen(&label, escape_columns(strbuf_text(&t->rows[i].label)));
        for (int c = 0; c < CELLS_MAX; c++)
            widen(&cells[c], strlen(t->rows[i].cells[c]));
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct stat_row *row = &t->rows[i];
        const char *text = strbuf_text(&row->label);

        strbuf_addf(out, "%-*s%s%s%*s", name, row->name, name && label ? "  " : "", text,
                    label - (int)escape_columns(text), "");
        for (int c = 0; c < CELLS_MAX; c++)
            if (cells[c])
                strbuf_addf(out, "   %*s", cells[c], row->cells[c]);
        if (row->note.length)
            strbuf_addf(out, "   %s", strbuf_text(&row->note));
        while (out->length && out->text[out->length - 1] == ' ')
            out->text[--out->length] = '\0';
        strbuf_add(out, "\n");
        out->failed |= row->label.failed || row->note.failed;
    }
    out->failed |= t->failed;
}

static void table_release(struct stat_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        strbuf_release(&t->rows[i].label);
        strbuf_release(&t->rows[i].note);
    }
    free(t->rows);
}

static void cell_bytes(char *cell, const char *word, uint64_t bytes, bool exact)
{
    char text[UNITS_TEXT];

    snprintf(cell, UNITS_TEXT + 8, "%s%s", word, units_bytes(text, bytes, exact));
}

static void cell_blocks(char *cell, uint64_t blocks)
{
    char text[UNITS_TEXT];

    snprintf(cell, UNITS_TEXT + 8, "%s block%s", units_count(text, blocks),
             blocks == 1 ? " " : "s");
}

/* -------------------------------------------------------------- domains -- */

static bool domain_used(const struct profile_domain *d)
{
    return d->total_blocks || d->total_bytes || d->peak_bytes;
}

/* Of one domain the totals say it all. */
static void add_domains(struct strbuf *out, const struct profile *p,
                        const struct report_stat_options *o)
{
    struct stat_table table = {0};
    uint32_t used = 0;

    for (uint32_t i = 0; i < p->domain_count; i++)
        used += domain_used(&p->domains[i]);
    if (used < 2)
        return;
    for (uint32_t i = 0; i < p->domain_count; i++) {
        const struct profile_domain *d = &p->domains[i];
        struct stat_row *row = domain_used(d) ? table_row(&table) : NULL;

        if (!row)
            continue;
        strbuf_add(&row->label, "  ");
        shorten_text(&row->label, domain_name(p, i), NAME_COLUMNS);
        cell_bytes(row->cells[0], "live ", d->live_bytes, o->text.exact);
        cell_blocks(row->cells[1], d->live_blocks);
        cell_bytes(row->cells[2], "peak ", d->peak_bytes, o->text.exact);
        cell_bytes(row->cells[3], "allocated ", d->total_bytes, o->text.exact);
        cell_blocks(row->cells[4], d->total_blocks);
    }
    add_title(out, o, "Domains");
    table_write(out, &table);
    table_release(&table);
}

/* ------------------------------------------------------------- timeline -- */

static void add_plot(struct strbuf *out, const struct profile *p,
                     const struct report_stat_options *o)
{
    struct plot_options plot = {o->text.columns, o->ascii, o->text.exact};
    struct strbuf text;

    strbuf_init(&text);
    plot_timeline(&text, p, &plot);
    if (text.length) {
        add_title(out, o, "Live bytes over time");
        strbuf_add(out, strbuf_text(&text));
    }
    out->failed |= text.failed;
    strbuf_release(&text);
}

static void add_marks(struct strbuf *out, const struct profile *p,
                      const struct report_stat_options *o)
{
    struct stat_table table = {0};

    for (uint32_t i = 0; i < p->mark_count; i++) {
        struct stat_row *row = table_row(&table);

        if (!row)
            break;
        strbuf_add(&row->label, "  ");
        shorten_text(&row->label, profile_text(p, p->marks[i].label), NAME_COLUMNS);
        units_time(row->cells[0], p->marks[i].seconds);
        cell_bytes(row->cells[1], "", p->marks[i].live_bytes, o->text.exact);
        cell_blocks(row->cells[2], p->marks[i].live_blocks);
    }
    if (p->mark_count) {
        add_title(out, o, "Marks");
        table_write(out, &table);
    }
    table_release(&table);
}

/* ------------------------------------------------------------ snapshots -- */

static const char *cause(uint32_t kind)
{
    static const char *const words[] = {"by memprof", "by --snapshot-every", "by memprof snapshot",
                                        "by signal", "by the program"};

    return kind < sizeof words / sizeof *words ? words[kind] : "";
}

static void add_amount(struct stat_row *row, struct view_amount amount, bool exact)
{
    cell_bytes(row->cells[1], "", amount.bytes, exact);
    cell_blocks(row->cells[2], amount.blocks);
}

/* What the heap held in all, where what passes is a part of that or stands beside it. */
static void add_heap(struct stat_row *row, uint64_t bytes, const struct report_stat_options *o)
{
    cell_bytes(row->cells[3], o->view->domain == DOMAIN_HEAP ? "of " : "heap ", bytes,
               o->text.exact);
}

static void add_snapshot(struct stat_table *table, const struct profile *p, uint32_t index,
                         const struct report_stat_options *o)
{
    const struct profile_moment *m = &p->moments[index];
    struct stat_row *row = table_row(table);
    struct view_amount live = {m->live_bytes, m->live_blocks};

    if (!row)
        return;
    snprintf(row->name, sizeof row->name, "#%" PRIu32, m->number);
    shorten_text(&row->label, profile_text(p, m->label), NAME_COLUMNS);
    units_time(row->cells[0], m->seconds);
    add_amount(row, o->history ? o->history->moments[index] : live, o->text.exact);
    if (o->history)
        add_heap(row, m->live_bytes, o);
    if (m->rss_bytes)
        cell_bytes(row->cells[4], "RSS ", m->rss_bytes, o->text.exact);
    strbuf_add(&row->note, cause(m->cause));
}

/* The peak and the end, which are moments like the snapshots. */
static void add_other(struct stat_table *table, const struct profile *p, enum moment_place place,
                      const struct report_stat_options *o)
{
    const struct profile_totals *t = &p->totals;
    bool peak = place == MOMENT_AT_PEAK;
    struct view_amount live = {peak ? t->peak_bytes : t->live_bytes,
                               peak ? t->peak_blocks : t->live_blocks};
    struct stat_row *row = table_row(table);

    if (!row)
        return;
    snprintf(row->name, sizeof row->name, "%s", peak ? "peak" : "exit");
    /* The peaks of merged profiles were not at one time. */
    if (!peak || !p->process.merged)
        units_time(row->cells[0], peak ? t->peak_seconds : p->process.seconds);
    else
        strbuf_add(&row->note, "the sum of all peaks");
    add_amount(row, live, o->text.exact);
    if (!o->history)
        return;
    add_amount(row, peak ? o->history->peak : o->history->end, o->text.exact);
    add_heap(row, live.bytes, o);
    /* Each domain has a peak of its own, and only the heap's has a time. */
    if (peak && o->view->domain != DOMAIN_HEAP) {
        *row->cells[0] = '\0';
        strbuf_add(&row->note, "each domain's own");
    }
}

static bool wanted(const struct profile *p, uint32_t index, const struct report_stat_options *o)
{
    if (o->one)
        return o->moment.place == MOMENT_LISTED && o->moment.index == index;
    return p->moments[index].number != 0;
}

static void add_snapshots(struct strbuf *out, const struct profile *p,
                          const struct report_stat_options *o)
{
    struct stat_table table = {0};
    char title[80], count[24];

    for (uint32_t i = 0; i < p->moment_count; i++)
        if (wanted(p, i, o))
            add_snapshot(&table, p, i, o);
    snprintf(count, sizeof count, "%zu", table.count);
    snprintf(title, sizeof title, "Moments: %s snapshot%s%s", table.count ? count : "no",
             table.count == 1 ? "" : "s", o->history ? "; what passes the filters then" : "");
    if (!o->one || o->moment.place == MOMENT_AT_PEAK)
        add_other(&table, p, MOMENT_AT_PEAK, o);
    if (!o->one || o->moment.place == MOMENT_AT_EXIT)
        add_other(&table, p, MOMENT_AT_EXIT, o);
    add_title(out, o, title);
    table_write(out, &table);
    table_release(&table);
}

void report_stat_text(struct strbuf *out, const struct profile *p,
                      const struct report_stat_options *o)
{
    report_text_process(out, p);
    strbuf_add(out, "\n");
    add_text_line(out, o, "command", profile_text(p, p->process.command));
    add_text_line(out, o, "executable", profile_text(p, p->process.executable));
    add_text_line(out, o, "allocator", profile_text(p, p->process.allocator));
    add_start(out, p);
    report_text_totals(out, p, &o->text);
    lossnotes_add(out, p, o->text.exact);
    add_domains(out, p, o);
    add_plot(out, p, o);
    add_marks(out, p, o);
    add_snapshots(out, p, o);
}
