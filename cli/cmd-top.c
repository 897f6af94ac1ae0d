// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/pager.h"
#include "cli/profile-operand.h"
#include "cli/view-output.h"
#include "src/host/report/report-faults.h"
#include "src/host/report/report-text.h"
#include "src/host/text/shorten.h"
#include "src/host/view/lossnotes.h"

#include <string.h>

static const struct options top_options = {
    .command = "memprof top",
    .usage = "[OPTIONS] FILE",
    .purpose = "Show the top lines of the profile FILE, as written by memprof run.",
    .tables = {{"Options", view_option_specs}, {NULL, view_pager_specs}},
};

#define COMMAND_LABEL "  command        "

static void add_command(struct strbuf *out, const struct profile *p, size_t columns)
{
    const char *command = profile_text(p, p->process.command);
    size_t label = strlen(COMMAND_LABEL);

    if (*command == '\0')
        return;
    strbuf_add(out, COMMAND_LABEL);
    shorten_text(out, command, columns > label + 20 ? columns - label : columns ? 20 : 0);
    strbuf_add(out, "\n");
}

static int add_report(struct strbuf *out, const struct profile *p, const struct view_choice *choice,
                      struct error *e)
{
    struct sourcelines sources;
    struct report_text_options text;
    int result;

    sourcelines_init(&sources);
    text = view_choice_text(choice, stdout, &sources);
    report_text_process(out, p);
    strbuf_add(out, "\n");
    add_command(out, p, text.columns);
    report_text_totals(out, p, &text);
    lossnotes_add(out, p, text.exact);
    report_text_faults(out, p, &text);
    result = view_choice_add_rows(choice, p, &text, out, e);
    sourcelines_release(&sources);
    return result;
}

/* With --json - and the like standard output holds that and nothing else. */
static int show(const struct profile *p, const char *path, void *context, struct error *e)
{
    const struct view_choice *choice = context;
    struct strbuf out;
    int result;

    (void)path;
    if (view_choice_has_files(choice))
        return view_choice_write_files(choice, p, e);
    strbuf_init(&out);
    result = add_report(&out, p, choice, e);
    if (result == 0)
        result = pager_write(&out, !choice->no_pager, e);
    strbuf_release(&out);
    return result;
}

int cmd_top(int argc, char **argv)
{
    struct view_choice choice;
    int first, status;

    view_choice_init(&choice);
    first = options_parse(&top_options, argc, argv, view_choice_take, &choice);
    if (view_choice_ready(&choice, &top_options, first, &status) &&
        profile_operand_check(&top_options, argc - first))
        status = profile_operand_show(argv[first], show, &choice);
    view_choice_release(&choice);
    return status;
}
