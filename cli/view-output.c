// SPDX-License-Identifier: Apache-2.0
#include "cli/view-output.h"

#include "cli/document.h"
#include "cli/terminal.h"
#include "src/host/files/writable.h"
#include "src/host/report/report-csv.h"
#include "src/host/report/report-folded.h"
#include "src/host/report/report-json.h"

#include <string.h>

#define DEFAULT_FRAMES 40 /* of a stack in text; the machine's formats have all of them */

struct report_text_options view_choice_text(const struct view_choice *c, FILE *stream,
                                            struct sourcelines *sources)
{
    return (struct report_text_options){
        .columns = c->columns_given ? c->columns : terminal_columns(stream),
        .colour = terminal_takes_colour(stream),
        .exact = c->exact,
        .sources = sources,
        .stack = {.limit = c->frames_given ? c->frames : DEFAULT_FRAMES,
                  .outermost = c->outermost,
                  .oldest_first = c->oldest_first},
    };
}

int view_choice_add_rows(const struct view_choice *c, const struct profile *p,
                         const struct report_text_options *options, struct strbuf *out,
                         struct error *e)
{
    struct view_options view;
    struct view v;

    if (view_choice_settle(c, p, c->snapshot, &view, e) != 0 || view_build(&v, p, &view, e) != 0)
        return -1;
    report_text_view(out, p, &v, options);
    view_release(&v);
    return 0;
}

/* ---------------------------------------------------------------- files -- */

typedef int view_writer(FILE *out, const struct view_choice *c, const struct profile *p,
                        const struct view *v, struct error *e);

static int write_json(FILE *out, const struct view_choice *c, const struct profile *p,
                      const struct view *v, struct error *e)
{
    struct stack_choice stack = {.limit = c->frames, .outermost = c->outermost};

    return report_json_write(out, p, v, &stack, c->leaks, e);
}

static int write_csv(FILE *out, const struct view_choice *c, const struct profile *p,
                     const struct view *v, struct error *e)
{
    (void)c;
    return report_csv_write(out, p, v, e);
}

static int write_folded(FILE *out, const struct view_choice *c, const struct profile *p,
                        const struct view *v, struct error *e)
{
    struct stack_choice stack = {.limit = c->frames, .outermost = c->outermost};

    return report_folded_write(out, p, v, &stack, e);
}

static int write_view(FILE *out, view_writer *write, const struct view_choice *c,
                      const struct profile *p, struct error *e)
{
    struct view_options options;
    struct view v;
    int result;

    if (view_choice_settle(c, p, c->snapshot, &options, e) != 0)
        return -1;
    if (!c->limit_given)
        options.limit = 0;
    if (write == write_folded)
        options.group = VIEW_TRACEBACK;
    if (view_build(&v, p, &options, e) != 0)
        return -1;
    result = write(out, c, p, &v, e);
    view_release(&v);
    return result;
}

struct written {
    view_writer *write;
    const struct view_choice *choice;
    const struct profile *p;
};

static int write_document(FILE *out, void *context, struct error *e)
{
    const struct written *w = context;

    return write_view(out, w->write, w->choice, w->p, e);
}

static int write_file(const char *file, view_writer *write, const struct view_choice *c,
                      const struct profile *p, struct error *e)
{
    struct written w = {write, c, p};

    return file ? document_write(file, write_document, &w, e) : 0;
}

int view_choice_write_files(const struct view_choice *c, const struct profile *p, struct error *e)
{
    if (write_file(c->json, write_json, c, p, e) != 0 ||
        write_file(c->csv, write_csv, c, p, e) != 0 ||
        write_file(c->folded, write_folded, c, p, e) != 0)
        return -1;
    return 0;
}

bool view_choice_has_files(const struct view_choice *c)
{
    return c->json || c->csv || c->folded;
}

static int check_file(const char *file, struct error *e)
{
    return file && strcmp(file, "-") != 0 ? writable_check(file, e) : 0;
}

int view_choice_check_files(const struct view_choice *c, struct error *e)
{
    if (check_file(c->json, e) != 0 || check_file(c->csv, e) != 0)
        return -1;
    return check_file(c->folded, e);
}

int text_write(const struct strbuf *text, FILE *stream, struct error *e)
{
    if (text->failed)
        return error_set(e, ERROR_MEMORY, "out of memory while making the report");
    if (fwrite(strbuf_text(text), 1, text->length, stream) != text->length || fflush(stream) != 0)
        return error_set(e, ERROR_SYSTEM, "cannot write the report");
    return 0;
}
