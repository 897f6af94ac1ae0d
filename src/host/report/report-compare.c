// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-compare.h"

#include "src/host/report/report-csv.h"
#include "src/host/text/escape.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <string.h>

#define COLUMNS 6 /* behind the name */
#define GAP "   "

const char *report_compare_word(enum compare_order order)
{
    static const char *const words[] = {"peak", "live", "total", "count", "temporary", "seconds"};

    return words[order];
}

/* -------------------------------------------------------------- text -- */

struct line {
    char cells[COLUMNS][UNITS_TEXT];
};

/* "93.4 %", "-5.0 %"; the first run is what the others are held against. */
static void saved_text(char text[UNITS_TEXT], const struct compare *c,
                       const struct compare_run *run)
{
    double percent;

    if (run == c->runs)
        strcpy(text, "");
    else if (!compare_saved(c, run, &percent))
        strcpy(text, "-");
    else if (percent != 0 && percent > -0.05 && percent < 0.05)
        strcpy(text, percent > 0 ? "<0.1 %" : "<-0.1 %");
    else
        snprintf(text, UNITS_TEXT, "%.1f %%", percent);
}

static void line_make(struct line *line, const struct compare *c, const struct compare_run *run,
                      bool exact)
{
    const struct profile_totals *t = &run->totals;

    if (c->order == COMPARE_BY_LIVE)
        units_bytes(line->cells[0], t->live_bytes, exact);
    else
        units_bytes(line->cells[0], t->peak_bytes, exact);
    units_bytes(line->cells[1], t->total_bytes, exact);
    units_count(line->cells[2], t->total_blocks);
    units_count(line->cells[3], t->temporary_blocks);
    snprintf(line->cells[4], UNITS_TEXT, "%.2f", run->seconds);
    saved_text(line->cells[5], c, run);
}

static void title_make(struct line *line, const struct compare *c)
{
    static const char *const titles[COLUMNS] = {"peak",      "total",   "blocks",
                                                "temporary", "seconds", "saved"};

    for (size_t i = 0; i < COLUMNS; i++)
        strcpy(line->cells[i], titles[i]);
    if (c->order == COMPARE_BY_LIVE)
        strcpy(line->cells[0], "live");
    if (c->order != COMPARE_BY_PEAK)
        snprintf(line->cells[5], UNITS_TEXT, "saved (%s)", report_compare_word(c->order));
}

static void widen(int widths[COLUMNS], const struct line *line)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if ((int)strlen(line->cells[i]) > widths[i])
            widths[i] = (int)strlen(line->cells[i]);
}

static void add_line(struct strbuf *out, const char *name, size_t name_width,
                     const struct line *line, const int widths[COLUMNS])
{
    size_t columns = escape_columns(name);

    escape_text(out, name);
    strbuf_addf(out, "%*s", (int)(name_width - columns), "");
    for (size_t i = 0; i < COLUMNS; i++)
        strbuf_addf(out, GAP "%*s", widths[i], line->cells[i]);
    while (out->length && out->text[out->length - 1] == ' ')
        out->text[--out->length] = '\0';
    strbuf_add(out, "\n");
}

static void add_notes(struct strbuf *out, const struct compare_run *run)
{
    char count[UNITS_TEXT];

    if (run->incomplete) {
        strbuf_add(out, "note: ");
        escape_text(out, run->name);
        strbuf_add(out, " is incomplete: its profile ends before the program did\n");
    }
    if (run->dropped) {
        strbuf_add(out, "note: ");
        escape_text(out, run->name);
        strbuf_addf(out, " lost %s events: its numbers are too small\n",
                    units_count(count, run->dropped));
    }
    if (run->merged) {
        strbuf_add(out, "note: ");
        escape_text(out, run->name);
        strbuf_addf(out,
                    " is %" PRIu32 " profiles merged: its peak is the sum of theirs, its seconds "
                    "those of the longest\n",
                    run->merged);
    }
}

void report_compare_text(struct strbuf *out, const struct compare *c, bool exact)
{
    int widths[COLUMNS] = {0};
    size_t name_width = 0;
    struct line line;

    title_make(&line, c);
    widen(widths, &line);
    for (size_t i = 0; i < c->count; i++) {
        size_t columns = escape_columns(c->runs[i].name);

        line_make(&line, c, &c->runs[i], exact);
        widen(widths, &line);
        name_width = columns > name_width ? columns : name_width;
    }
    title_make(&line, c);
    add_line(out, "", name_width, &line, widths);
    for (size_t i = 0; i < c->count; i++) {
        line_make(&line, c, &c->runs[i], exact);
        add_line(out, c->runs[i].name, name_width, &line, widths);
    }
    for (size_t i = 0; i < c->count; i++)
        add_notes(out, &c->runs[i]);
}

/* -------------------------------------------------------- JSON and CSV -- */

static json_t *run_object(const struct compare *c, const struct compare_run *run)
{
    struct jsonobject o = jsonobject_begin();
    double percent;
    bool known = compare_saved(c, run, &percent);

    jsonobject_set(&o, "name", jsonvalue_text(run->name));
    jsonobject_set(&o, "path", jsonvalue_text(run->path));
    jsonobject_set(&o, "command", jsonvalue_text(run->command));
    jsonobject_set(&o, "peak_bytes", jsonvalue_number(run->totals.peak_bytes));
    jsonobject_set(&o, "live_bytes", jsonvalue_number(run->totals.live_bytes));
    jsonobject_set(&o, "total_bytes", jsonvalue_number(run->totals.total_bytes));
    jsonobject_set(&o, "total_blocks", jsonvalue_number(run->totals.total_blocks));
    jsonobject_set(&o, "temporary_blocks", jsonvalue_number(run->totals.temporary_blocks));
    jsonobject_set(&o, "seconds", json_real(run->seconds));
    jsonobject_set(&o, "saved_percent", known ? json_real(percent) : json_null());
    jsonobject_set(&o, "merged", jsonvalue_number(run->merged));
    jsonobject_set(&o, "dropped", jsonvalue_number(run->dropped));
    jsonobject_set(&o, "incomplete", json_boolean(run->incomplete));
    return jsonobject_end(&o);
}

int report_compare_json(FILE *out, const struct compare *c, struct error *e)
{
    struct jsonobject o = jsonobject_begin();
    json_t *runs = json_array();

    for (size_t i = 0; i < c->count; i++)
        runs = jsonlist_append(runs, run_object(c, &c->runs[i]));
    jsonobject_set(&o, "schema_version", json_integer(REPORT_COMPARE_SCHEMA));
    jsonobject_set(&o, "by", json_string(report_compare_word(c->order)));
    jsonobject_set(&o, "runs", runs);
    return jsonvalue_write(out, jsonobject_end(&o), e);
}

static void add_csv_run(struct strbuf *out, const struct compare *c, const struct compare_run *run)
{
    const struct profile_totals *t = &run->totals;
    double percent;

    report_csv_text(out, run->name);
    strbuf_addf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.6f,",
                t->peak_bytes, t->live_bytes, t->total_bytes, t->total_blocks, t->temporary_blocks,
                run->seconds);
    if (compare_saved(c, run, &percent))
        strbuf_addf(out, "%.3f", percent);
    strbuf_add(out, "\r\n");
}

int report_compare_csv(FILE *out, const struct compare *c, struct error *e)
{
    struct strbuf text;
    bool failed;

    strbuf_init(&text);
    strbuf_add(&text,
               "name,peak_bytes,live_bytes,total_bytes,total_blocks,temporary_blocks,seconds,"
               "saved_percent\r\n");
    for (size_t i = 0; i < c->count; i++)
        add_csv_run(&text, c, &c->runs[i]);
    fwrite(strbuf_text(&text), 1, text.length, out);
    failed = text.failed;
    strbuf_release(&text);
    if (failed)
        return error_set(e, ERROR_MEMORY, "out of memory while writing the CSV report");
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the CSV report");
    return 0;
}
