/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/report/report-csv.h"
#include "src/host/report/report-pools.h"

#include <inttypes.h>

struct writing {
    struct strbuf *out;
    const struct profile *p;
    const struct pools *s;
};

static void add_number(const struct writing *w, uint64_t number, bool known)
{
    if (known)
        strbuf_addf(w->out, "%" PRIu64, number);
    strbuf_add(w->out, ",");
}

static void add_text(const struct writing *w, const char *text)
{
    report_csv_text(w->out, text);
    strbuf_add(w->out, ",");
}

/* Function, file, line, module. */
static void add_place(const struct writing *w, uint32_t place, bool exact)
{
    const struct view_row *row = place < w->s->place_count ? &w->s->places[place] : NULL;
    const struct profile_line *line =
        row && row->line < w->p->line_count ? &w->p->lines[row->line] : NULL;
    uint32_t module = row ? view_frame_module(w->p, row->frame) : NO_MODULE;

    add_text(w, line ? profile_text(w->p, line->function) : "");
    add_text(w, line ? profile_text(w->p, line->file) : "");
    add_number(w, line ? line->line : 0, line && exact && line->line);
    add_text(w, module == NO_MODULE ? "" : profile_text(w->p, w->p->modules[module].path));
}

/* The last field of a row is followed by its end and not by a comma. */
static void end_row(const struct writing *w)
{
    if (w->out->length)
        w->out->text[--w->out->length] = '\0';
    strbuf_add(w->out, "\r\n");
}

static void add_classes(const struct writing *w)
{
    strbuf_add(w->out, "smallest,largest,block_bytes,pools,full_pools,blocks_in_use,blocks_free,"
                       "recorded_blocks,requested_bytes,glibc_bytes,function,file,line,module,"
                       "top_blocks\r\n");
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        const struct pools_class *c = &w->s->classes[i];

        if (!c->pools && !c->blocks)
            continue;
        add_number(w, c->smallest, true);
        add_number(w, c->largest, true);
        add_number(w, c->block_bytes, true);
        add_number(w, c->pools, true);
        add_number(w, c->full, true);
        add_number(w, c->used, true);
        add_number(w, c->free, true);
        add_number(w, c->blocks, true);
        add_number(w, c->asked, true);
        add_number(w, c->chunks, true);
        add_place(w, c->top, true);
        add_number(w, c->top_blocks, true);
        end_row(w);
    }
}

static void add_lines(const struct writing *w, bool exact)
{
    strbuf_add(w->out,
               "function,file,line,module,blocks,requested_bytes,taken_bytes,wasted_bytes,");
    for (uint32_t i = 1; i <= POOLS_SIZES; i++)
        strbuf_addf(w->out, "size_%" PRIu32 ",size_%" PRIu32 "_blocks,", i, i);
    strbuf_add(w->out, "other_sizes,shrink_bytes,saved_bytes\r\n");
    for (uint32_t i = 0; i < w->s->line_count; i++) {
        const struct pools_line *line = &w->s->lines[i];

        add_place(w, line->place, exact);
        add_number(w, line->blocks, true);
        add_number(w, line->asked, true);
        add_number(w, line->taken, true);
        add_number(w, line->taken - line->asked, true);
        for (uint32_t k = 0; k < POOLS_SIZES; k++) {
            add_number(w, line->sizes[k].size, k < line->size_count);
            add_number(w, line->sizes[k].blocks, k < line->size_count);
        }
        add_number(w, line->more_sizes, true);
        add_number(w, line->shrink, line->shrink != 0);
        add_number(w, line->saved, line->shrink != 0);
        end_row(w);
    }
}

int report_pools_csv(FILE *out, const struct profile *p, const struct pools *s,
                     const struct report_pools_options *options, struct error *e)
{
    struct strbuf text;
    const struct writing w = {&text, p, s};
    bool written;

    strbuf_init(&text);
    if (options->group == POOLS_BY_CLASS)
        add_classes(&w);
    else
        add_lines(&w, options->group == POOLS_BY_LINE);
    if (text.failed) {
        strbuf_release(&text);
        return error_set(e, ERROR_MEMORY, "out of memory while writing the CSV report");
    }
    written = fwrite(strbuf_text(&text), 1, text.length, out) == text.length && fflush(out) == 0;
    strbuf_release(&text);
    return written && !ferror(out) ? 0 : error_set(e, ERROR_SYSTEM, "cannot write the CSV report");
}
