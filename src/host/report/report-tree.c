// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-tree.h"

#include "src/host/text/escape.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/text/signalname.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 6 /* behind the program */
#define CELL 48
#define GAP "  "
#define DEPTH_SHOWN 24u
#define PROGRAM_SHOWN 40u

struct line {
    char program[2 * DEPTH_SHOWN + PROGRAM_SHOWN + 8];
    char cells[COLUMNS][CELL];
    const char *remark;
    bool unrecorded;
};

void report_tree_ending(char *text, size_t size, const struct tree_row *row)
{
    const char *name = row->exit_kind == EXIT_SIGNAL ? signal_name(row->exit_value) : NULL;

    if (!row->ended)
        snprintf(text, size, "-");
    else if (row->exit_kind == EXIT_STATUS)
        snprintf(text, size, "exit %d", (int)row->exit_value);
    else if (name)
        snprintf(text, size, "%s%s", strncmp(name, "SIG", 3) == 0 ? "" : "SIG", name);
    else if (row->exit_kind == EXIT_SIGNAL)
        snprintf(text, size, "signal %d", (int)row->exit_value);
    else
        snprintf(text, size, row->exit_kind == EXIT_EXECUTED ? "executed" : "not seen");
}

static void bytes_cell(char *cell, uint64_t bytes, bool exact)
{
    char text[UNITS_TEXT];

    snprintf(cell, CELL, "%s", units_bytes(text, bytes, exact));
}

static void numbers(struct line *line, const struct tree_row *row, bool exact)
{
    char bytes[UNITS_TEXT], blocks[UNITS_TEXT];

    bytes_cell(line->cells[2], row->live_bytes, exact);
    bytes_cell(line->cells[3], row->peak_bytes, exact);
    bytes_cell(line->cells[4], row->total_bytes, exact);
    if (!row->searched)
        strcpy(line->cells[5], "-");
    else if (row->lost_blocks)
        snprintf(line->cells[5], CELL, "%s in %s", units_bytes(bytes, row->lost_bytes, exact),
                 units_count(blocks, row->lost_blocks));
    else
        strcpy(line->cells[5], "0");
}

static void line_make(struct line *line, const struct tree_row *row, uint32_t depth, bool exact)
{
    int indent = (int)(2 * (depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN));

    memset(line, 0, sizeof(*line));
    snprintf(line->program, sizeof(line->program), "%*s%.*s", indent, "", (int)PROGRAM_SHOWN,
             row->program);
    if (row->pid)
        snprintf(line->cells[0], CELL, "%" PRId64, row->pid);
    else
        strcpy(line->cells[0], "-");
    report_tree_ending(line->cells[1], CELL, row);
    if (row->ended && row->recorded)
        numbers(line, row, exact);
    else
        for (size_t i = 2; i < COLUMNS; i++)
            strcpy(line->cells[i], "-");
    line->remark = row->reason;
    line->unrecorded = !row->recorded;
}

static void title_make(struct line *line)
{
    static const char *const titles[COLUMNS] = {"pid",  "ended",     "live at exit",
                                                "peak", "allocated", "leaks"};

    memset(line, 0, sizeof(*line));
    strcpy(line->program, "program");
    for (size_t i = 0; i < COLUMNS; i++)
        strcpy(line->cells[i], titles[i]);
}

struct widths {
    size_t program;
    int cells[COLUMNS];
};

static void widen(struct widths *w, const struct line *line)
{
    size_t columns = escape_columns(line->program);

    if (columns > w->program)
        w->program = columns;
    for (size_t i = 0; i < COLUMNS; i++)
        if ((int)strlen(line->cells[i]) > w->cells[i])
            w->cells[i] = (int)strlen(line->cells[i]);
}

static void add_line(struct strbuf *out, const struct widths *w, const struct line *line)
{
    escape_text(out, line->program);
    strbuf_addf(out, "%*s", (int)(w->program - escape_columns(line->program)), "");
    for (size_t i = 0; i < COLUMNS; i++)
        strbuf_addf(out, i == 1 ? GAP "%-*s" : GAP "%*s", w->cells[i], line->cells[i]);
    if (line->unrecorded)
        strbuf_add(out, line->remark ? GAP "not recorded: " : GAP "not recorded");
    else if (line->remark)
        strbuf_add(out, GAP);
    if (line->remark)
        escape_text(out, line->remark);
    strbuf_add(out, "\n");
}

static void add_rest(struct strbuf *out, const struct tree *t, uint32_t all, uint32_t shown)
{
    char count[UNITS_TEXT];
    uint64_t quiet = tree_quiet(t);

    if (shown < all)
        strbuf_addf(out, "and %s more\n", units_count(count, all - shown));
    if (quiet)
        strbuf_addf(out, "and %s forked %s that called no function of an allocator\n",
                    units_count(count, quiet), quiet == 1 ? "child" : "children");
    if (t->left_out)
        strbuf_addf(out, "note: %s more had no room in the table, and were not recorded\n",
                    units_count(count, t->left_out));
}

void report_tree_text(struct strbuf *out, const struct tree *t, uint32_t limit, bool exact)
{
    uint32_t *order = calloc(t->count + 1, sizeof(*order));
    uint32_t *depth = calloc(t->count + 1, sizeof(*depth));
    uint32_t all, shown;
    struct widths widths = {0};
    struct line line;

    out->failed |= !order || !depth;
    if (order && depth) {
        all = tree_order(t, order, depth);
        shown = limit && limit < all ? limit : all;
        title_make(&line);
        widen(&widths, &line);
        for (uint32_t i = 0; i < shown; i++) {
            line_make(&line, &t->rows[order[i]], depth[order[i]], exact);
            widen(&widths, &line);
        }
        title_make(&line);
        add_line(out, &widths, &line);
        for (uint32_t i = 0; i < shown; i++) {
            line_make(&line, &t->rows[order[i]], depth[order[i]], exact);
            add_line(out, &widths, &line);
        }
        add_rest(out, t, all, shown);
    }
    free(order);
    free(depth);
}

int report_tree_json(FILE *out, const struct tree *t, struct error *e)
{
    struct jsonobject o = jsonobject_begin();
    json_t *rows = json_array();

    for (uint32_t i = 0; i < t->count; i++)
        if (!t->rows[i].withdrawn)
            rows = jsonlist_append(rows, tree_row_json(&t->rows[i]));
    jsonobject_set(&o, "schema", jsonvalue_number(REPORT_TREE_SCHEMA));
    jsonobject_set(&o, "processes", jsonvalue_number(tree_processes(t)));
    jsonobject_set(&o, "images", rows);
    return jsonvalue_write(out, jsonobject_end(&o), e);
}
