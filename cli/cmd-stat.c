// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/document.h"
#include "cli/pager.h"
#include "cli/profile-operand.h"
#include "cli/terminal.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/report/report-stat.h"

#include <string.h>

enum { OPTION_ASCII = OPTION_OF_COMMAND };

static const struct option_spec stat_specs[] = {
    {OPTION_ASCII, "ascii", NULL, "draw the plot in ASCII [in UTF-8 where the locale has it]"},
    {0, NULL, NULL, NULL},
};

static const struct options stat_options = {
    .command = "memprof stat",
    .usage = "[OPTIONS] FILE",
    .purpose = "Show what a profile holds: the run, its memory over time, its snapshots.",
    .tables = {{"Options", stat_specs}, {NULL, view_moment_specs}, {NULL, view_pager_specs}},
};

struct stat_choice {
    struct view_choice view;
    bool ascii;
};

static int take(void *choice, int id, const char *argument)
{
    struct stat_choice *c = choice;

    if (id != OPTION_ASCII)
        return view_choice_take(&c->view, id, argument);
    c->ascii = true;
    return 0;
}

static int write_text(const struct stat_choice *c, const struct profile *p,
                      const struct report_stat_options *options, struct error *e)
{
    struct strbuf out;
    int result;

    strbuf_init(&out);
    report_stat_text(&out, p, options);
    result = pager_write(&out, !c->view.no_pager, e);
    strbuf_release(&out);
    return result;
}

struct written {
    const struct profile *p;
    const struct report_stat_options *options;
};

static int write_document(FILE *out, void *context, struct error *e)
{
    const struct written *w = context;

    return report_stat_json(out, w->p, w->options, e);
}

static int write_json(const char *file, const struct profile *p,
                      const struct report_stat_options *options, struct error *e)
{
    struct written w = {p, options};

    return document_write(file, write_document, &w, e);
}

static int show(const struct profile *p, const char *path, void *context, struct error *e)
{
    const struct stat_choice *c = context;
    bool filters = c->view.filter.count || c->view.domain;
    struct report_stat_options options;
    struct view_options view;
    struct history history;
    int result;

    (void)path;
    if (view_choice_settle(&c->view, p, c->view.snapshot, &view, e) != 0)
        return -1;
    if (filters && history_make(&history, p, &view, e) != 0)
        return -1;
    options = (struct report_stat_options){
        .text = view_choice_text(&c->view, stdout, NULL),
        .ascii = c->ascii || !terminal_takes_utf8(),
        .one = c->view.snapshot != NULL,
        .moment = view.moment,
        .history = filters ? &history : NULL,
        .view = filters ? &view : NULL,
    };
    result =
        c->view.json ? write_json(c->view.json, p, &options, e) : write_text(c, p, &options, e);
    if (filters)
        history_release(&history);
    return result;
}

int cmd_stat(int argc, char **argv)
{
    struct stat_choice c = {0};
    int first, status;

    view_choice_init(&c.view);
    first = options_parse(&stat_options, argc, argv, take, &c);
    if (view_choice_ready(&c.view, &stat_options, first, &status) &&
        profile_operand_check(&stat_options, argc - first))
        status = profile_operand_show(argv[first], show, &c);
    view_choice_release(&c.view);
    return status;
}
