// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-csv.h"

#include "src/host/text/escape.h"
#include "src/host/view/location.h"
#include "src/host/view/stacklines.h"

#include <inttypes.h>
#include <string.h>

void report_csv_text(struct strbuf *out, const char *text)
{
    bool formula = *text && strchr("=+-@\t\r", *text);
    bool quoted = formula || strpbrk(text, ",\"\r\n") || *text == ' ';

    char piece[ESCAPE_PIECE];
    unsigned columns;

    strbuf_add(out, quoted ? "\"" : "");
    strbuf_add(out, formula ? "'" : "");
    while (*text) {
        if (*text == '"')
            strbuf_add(out, "\"");
        if (*text == '\n') /* between the lines of a stack */
            strbuf_add_length(out, text++, 1);
        else if (escape_next(&text, piece, &columns))
            strbuf_add(out, piece);
    }
    strbuf_add(out, quoted ? "\"" : "");
}

static void add_text(struct strbuf *out, const char *text)
{
    report_csv_text(out, text);
    strbuf_add(out, ",");
}

static void add_number(struct strbuf *out, uint64_t number, bool known)
{
    if (known)
        strbuf_addf(out, "%" PRIu64, number);
    strbuf_add(out, ",");
}

/* What of a line the grouping fixes, as in the JSON report. */
static void add_place(struct strbuf *out, const struct profile *p, enum view_group group,
                      const struct view_row *row)
{
    bool exact = group == VIEW_LINE || group == VIEW_TRACEBACK;
    bool placed = group != VIEW_THREAD && group != VIEW_SIZE_CLASS;
    const struct profile_line *line =
        placed && row->line < p->line_count ? &p->lines[row->line] : NULL;
    uint32_t module = placed ? view_frame_module(p, row->frame) : NO_MODULE;

    add_text(out, line && (exact || group == VIEW_FUNCTION) ? profile_text(p, line->function) : "");
    add_text(out, line && group != VIEW_MODULE ? profile_text(p, line->file) : "");
    add_number(out, line ? line->line : 0, line && exact && line->line);
    add_text(out, module == NO_MODULE ? "" : profile_text(p, p->modules[module].path));
}

static void add_thread(struct strbuf *out, const struct profile *p, enum view_group group,
                       const struct view_row *row)
{
    bool known = group == VIEW_THREAD && row->thread < p->thread_count;

    add_text(out, known ? profile_text(p, p->threads[row->thread].name) : "");
    add_number(out, known ? (uint64_t)p->threads[row->thread].tid : 0, known);
}

static void add_stats(struct strbuf *out, const struct profile_stats *s, bool live_only)
{
    bool sizes = s->smallest <= s->largest;

    add_number(out, s->live_bytes, true);
    add_number(out, s->live_blocks, true);
    add_number(out, s->peak_bytes, !live_only);
    add_number(out, s->peak_blocks, !live_only);
    add_number(out, s->total_bytes, !live_only);
    add_number(out, s->total_blocks, !live_only);
    add_number(out, s->temporary_bytes, !live_only);
    add_number(out, s->temporary_blocks, !live_only);
    add_number(out, s->smallest, sizes);
    add_number(out, s->largest, sizes);
}

/* "load (load.c:20); main (app.c:10)", innermost first. */
static bool add_traceback(struct strbuf *out, const struct profile *p, uint32_t node,
                          struct stacklines *lines)
{
    struct strbuf text;

    if (!stacklines_get(lines, p, node, &(struct stack_choice){0}))
        return false;
    strbuf_init(&text);
    for (size_t i = 0; i < lines->count; i++) {
        strbuf_add(&text, i ? "; " : "");
        location_line(&text, p, lines->lines[i].line, lines->lines[i].frame, 0);
    }
    report_csv_text(out, strbuf_text(&text));
    out->failed |= text.failed;
    strbuf_release(&text);
    return true;
}

static bool add_row(struct strbuf *out, const struct profile *p, const struct view *v,
                    const struct view_row *row, struct stacklines *lines)
{
    enum view_group group = v->options.group;

    add_number(out, row->amount.bytes, true);
    add_number(out, row->amount.blocks, true);
    add_number(out, view_weight(VIEW_BY_AVERAGE, row->amount), row->amount.blocks != 0);
    add_place(out, p, group, row);
    add_thread(out, p, group, row);
    add_stats(out, &row->stats, v->options.moment.place == MOMENT_AT_PEAK);
    if (!add_traceback(out, p, row->node, lines))
        return false;
    strbuf_add(out, "\r\n");
    return !out->failed;
}

int report_csv_write(FILE *out, const struct profile *p, const struct view *v, struct error *e)
{
    struct stacklines lines = {0};
    struct strbuf line;
    bool ok = true;

    strbuf_init(&line);
    fputs("size,count,average,function,file,line,module,thread,tid,live_bytes,live_blocks,"
          "peak_bytes,peak_blocks,total_bytes,total_blocks,temporary_bytes,temporary_blocks,"
          "smallest,largest,traceback\r\n",
          out);
    for (size_t i = 0; i < v->row_count && ok; i++) {
        strbuf_clear(&line);
        ok = add_row(&line, p, v, &v->rows[i], &lines);
        if (ok)
            fwrite(strbuf_text(&line), 1, line.length, out);
    }
    strbuf_release(&line);
    stacklines_release(&lines);
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the CSV report");
    return ok ? 0 : error_set(e, ERROR_MEMORY, "out of memory while writing the CSV report");
}
