// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/heap-source.h"
#include "cli/leak-output.h"
#include "cli/leak-retained.h"
#include "cli/pager.h"
#include "cli/profile-operand.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/suppress/suppress-builtin.h"

#include <string.h>

enum {
    OPTION_PID = OPTION_OF_COMMAND,
    OPTION_CONTENTS,
    OPTION_JSON,
    OPTION_PRINT_BUILTIN,
    OPTION_BY,
};

static const struct option_spec specs[] = {
    {OPTION_PID, "pid", "PID", "search a program that is being recorded now"},
    {OPTION_CONTENTS, "contents", NULL,
     "show the first bytes of lost blocks, where the search\nkept them"},
    {'g', "group-by", "WHAT",
     "show what is held by the blocks of each line, function,\nfile, module, thread or traceback, "
     "instead of leaks"},
    {OPTION_BY, "by", "WHAT", "sort these by retained or own bytes [retained]"},
    {OPTION_JSON, "json", "[=FILE]", "write it as JSON to FILE [standard output]"},
    {OPTION_PRINT_BUILTIN, "print-builtin-suppressions", NULL,
     "print the rules that memprof brings along, and exit"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof leaks",
    .usage = "[OPTIONS] FILE|PID|NAME",
    .purpose =
        "Show what a program lost, most bytes first, with the stacks that allocated it: of a\n"
        "profile FILE as the search at its end found it, or of a running program, which is held\n"
        "still for a moment and searched now.",
    .tables = {{"Options", specs},
               {NULL, leak_output_specs},
               {"Showing", view_record_specs},
               {NULL, view_pager_specs}},
    .closing =
        "The exit status does not tell whether there are leaks: memprof check does.  It is 3\n"
        "when no such program is being profiled, 4 when several of that name are, 5 when the\n"
        "process is another user's.",
};

struct choice {
    struct leak_output output;
    struct view_choice view;
    const char *pid, *json;
    struct leak_retained retained;
    bool print_builtin;
};

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    switch (id) {
    case OPTION_PID:
        c->pid = argument;
        return 0;
    case OPTION_CONTENTS:
        c->output.contents = true;
        return 0;
    case OPTION_JSON:
        c->json = argument ? argument : "-";
        return 0;
    case 'g':
        return leak_retained_group(&c->retained, argument);
    case OPTION_BY:
        return leak_retained_by(&c->retained, argument);
    case OPTION_PRINT_BUILTIN:
        c->print_builtin = true;
        return 0;
    }
    return leak_output_has(id) ? leak_output_take(&c->output, id, argument)
                               : view_choice_take(&c->view, id, argument);
}

/* ---------------------------------------------------------------- a file -- */

static int show_text(const struct choice *c, const struct leaks *l, const struct profile *p,
                     const char *file, struct error *e)
{
    struct report_text_options text;
    struct sourcelines sources;
    struct strbuf out;
    int result;

    sourcelines_init(&sources);
    strbuf_init(&out);
    text = view_choice_text(&c->view, stdout, &sources);
    leak_output_text(&out, &c->output, l, p, &text,
                     c->view.limit_given ? c->view.view.limit : LEAK_RECORDS, file);
    result = out.failed ? error_set(e, ERROR_MEMORY, "out of memory while making the report")
                        : pager_write(&out, !c->view.no_pager, e);
    strbuf_release(&out);
    sourcelines_release(&sources);
    return result;
}

static int show(const struct profile *p, const char *file, void *context, struct error *e)
{
    struct choice *c = context;
    struct leaks leaks;
    int result;

    if (c->retained.wanted)
        return leak_retained_show(&c->retained, p, &c->view, c->json, e);
    if (leak_output_make(&c->output, p, &c->view, c->json ? LEAK_KIND_ALL : 0, &leaks, e) != 0)
        return -1;
    result = leak_output_write(&c->output, &leaks, p, LEAK_KINDS_LOST, e);
    if (result == 0 && c->json)
        result = leak_output_json(&c->output, &leaks, c->json, e);
    else if (result == 0 &&
             !leak_output_to_stdout(&c->output)) /* whoever reads that wants no more */
        result = show_text(c, &leaks, p, file, e);
    leaks_release(&leaks);
    return result;
}

/* ----------------------------------------------------------------- command -- */

static int print_builtin(void)
{
    struct strbuf out;
    struct error e;
    int result;

    strbuf_init(&out);
    suppress_builtin_show(&out);
    result = text_write(&out, stdout, &e);
    strbuf_release(&out);
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return EXIT_TROUBLE;
}

static int run(struct choice *c, const char *what)
{
    struct heap_question question = {.program = c->pid != NULL};
    char path[CONTROL_PATH_BYTES];
    struct error e = {0};
    int status;

    if (leak_output_settle(&c->output, false, &e) != 0) {
        words_error(&e);
        return words_exit_code(&e);
    }
    question.flags = c->output.contents ? CONTROL_SEARCH_CONTENTS : 0;
    if (c->retained.wanted)
        question.flags |= CONTROL_SEARCH_RETAINED | CONTROL_SEARCH_WHOLE_GRAPH;
    status = heap_source_find(c->pid ? c->pid : what, &question, path);
    return status == EXIT_FINE ? profile_operand_show(path, show, c) : status;
}

static int wrong(const char *why)
{
    words_say("%s", why);
    options_wrong(&options);
    return EXIT_USAGE;
}

static int chosen(struct choice *c, int operands, char **operand)
{
    if (c->print_builtin)
        return print_builtin();
    if (view_choice_check_records(&c->view) != 0) {
        options_wrong(&options);
        return EXIT_USAGE;
    }
    if (c->json && strcmp(c->json, "-") == 0 && leak_output_to_stdout(&c->output))
        return wrong("only one of --json and --report can go to standard output");
    if (operands + (c->pid != NULL) != 1)
        return wrong(operands || c->pid ? "one at a time" : "which profile, or program?");
    return run(c, operand[0]);
}

int cmd_leaks(int argc, char **argv)
{
    struct choice c = {0};
    int first, status = EXIT_USAGE;

    leak_output_init(&c.output);
    view_choice_init(&c.view);
    first = options_parse(&options, argc, argv, take, &c);
    if (first == OPTIONS_DONE)
        status = EXIT_FINE;
    else if (first >= 0)
        status = chosen(&c, argc - first, argv + first);
    view_choice_release(&c.view);
    leak_output_release(&c.output);
    return status;
}
