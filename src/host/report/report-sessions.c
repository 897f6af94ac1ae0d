// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-sessions.h"

#include "src/host/text/escape.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <stdlib.h>

#define COLUMNS 7u

/* A row as text, column by column. */
struct row {
    struct strbuf cells[COLUMNS];
};

static void row_fill(struct row *row, const struct control_answer *a)
{
    char text[UNITS_TEXT];

    strbuf_addf(&row->cells[0], "%" PRId64, a->pid);
    escape_text(&row->cells[1], a->program);
    strbuf_add(&row->cells[2], units_seconds(text, a->seconds));
    strbuf_add(&row->cells[3], units_bytes(text, a->live_bytes, false));
    strbuf_add(&row->cells[4], units_bytes(text, a->peak_bytes, false));
    strbuf_addf(&row->cells[5], "%" PRIu32, a->number);
    escape_text(&row->cells[6], *a->file ? a->file : "(none)");
}

static void row_title(struct row *row)
{
    static const char *const titles[COLUMNS] = {"PID",  "PROGRAM",   "RUNNING", "CURRENT",
                                                "PEAK", "SNAPSHOTS", "FILE"};

    for (unsigned i = 0; i < COLUMNS; i++)
        strbuf_add(&row->cells[i], titles[i]);
}

static void add_row(struct strbuf *out, const struct row *row, const size_t *widths)
{
    for (unsigned i = 0; i < COLUMNS; i++) {
        const char *text = strbuf_text(&row->cells[i]);
        bool left = i == 1 || i == COLUMNS - 1;
        int room = (int)(widths[i] - escape_columns(text));

        if (i)
            strbuf_add(out, "  ");
        if (!left)
            strbuf_addf(out, "%*s", room, "");
        strbuf_add(out, text);
        if (left && i + 1 < COLUMNS)
            strbuf_addf(out, "%*s", room, "");
    }
    strbuf_add(out, "\n");
}

void report_sessions_text(struct strbuf *out, const struct sessions *s)
{
    struct row *rows = calloc(s->count + 1, sizeof(*rows));
    size_t widths[COLUMNS] = {0};

    if (!rows) {
        out->failed = true;
        return;
    }
    row_title(&rows[0]);
    for (size_t i = 0; i < s->count; i++)
        row_fill(&rows[i + 1], &s->items[i].answer);
    for (size_t i = 0; i <= s->count; i++)
        for (unsigned k = 0; k < COLUMNS; k++) {
            size_t columns = escape_columns(strbuf_text(&rows[i].cells[k]));

            widths[k] = columns > widths[k] ? columns : widths[k];
        }
    for (size_t i = 0; i <= s->count; i++) {
        add_row(out, &rows[i], widths);
        for (unsigned k = 0; k < COLUMNS; k++)
            strbuf_release(&rows[i].cells[k]);
    }
    free(rows);
}

static json_t *row_json(const struct control_answer *a)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "pid", json_integer(a->pid));
    jsonobject_set(&o, "program", jsonvalue_text(a->program));
    jsonobject_set(&o, "seconds", json_real(a->seconds));
    jsonobject_set(&o, "live_bytes", jsonvalue_number(a->live_bytes));
    jsonobject_set(&o, "live_blocks", jsonvalue_number(a->live_blocks));
    jsonobject_set(&o, "peak_bytes", jsonvalue_number(a->peak_bytes));
    jsonobject_set(&o, "peak_blocks", jsonvalue_number(a->peak_blocks));
    jsonobject_set(&o, "total_bytes", jsonvalue_number(a->total_bytes));
    jsonobject_set(&o, "total_blocks", jsonvalue_number(a->total_blocks));
    jsonobject_set(&o, "rss_bytes", jsonvalue_number(a->rss_bytes));
    jsonobject_set(&o, "snapshots", jsonvalue_number(a->number));
    jsonobject_set(&o, "file", jsonvalue_text(a->file));
    jsonobject_set(&o, "memprof_pid", json_integer(a->memprof));
    return jsonobject_end(&o);
}

int report_sessions_json(FILE *out, const struct sessions *s, struct error *e)
{
    json_t *list = json_array();
    int result = 0;

    for (size_t i = 0; i < s->count; i++)
        list = jsonlist_append(list, row_json(&s->items[i].answer));
    if (!list)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (json_dumpf(list, out, JSON_INDENT(2)) != 0 || fputc('\n', out) == EOF || fflush(out) != 0)
        result = error_set(e, ERROR_SYSTEM, "cannot write the list");
    json_decref(list);
    return result;
}
