// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/document.h"
#include "cli/heap-source.h"
#include "cli/options.h"
#include "cli/pager.h"
#include "cli/profile-operand.h"
#include "cli/session-choice.h"
#include "cli/terminal.h"
#include "cli/text-options.h"
#include "cli/words.h"
#include "src/host/report/report-pools.h"

#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 60000
#define ROWS 20

enum {
    OPTION_BY = OPTION_LONG_ONLY,
    OPTION_SNAPSHOT,
    OPTION_ASCII,
    OPTION_JSON,
    OPTION_CSV,
};

static const struct option_spec specs[] = {
    {'g', "group-by", "WHAT", "class, line or function [class]"},
    {OPTION_BY, "by", "WHAT",
     "sort lines by taken, waste, asked or count [taken];\nwithout --group-by it means lines"},
    {OPTION_SNAPSHOT, "snapshot", "WHICH",
     "another moment, estimated: a snapshot's number or\nlabel, last (snapshot) or peak; exit "
     "[exit]"},
    {'t', "top", "N", "show N lines, and N arenas of the map; 0 all [20]"},
    {OPTION_ASCII, "ascii", NULL, "draw the map in ASCII [in UTF-8 where the locale has it]"},
    {OPTION_JSON, "json", "FILE", "write everything as JSON to FILE, - standard output"},
    {OPTION_CSV, "csv", "FILE", "write the classes or lines as CSV to FILE, or - for stdout"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof pools",
    .usage = "[OPTIONS] FILE|PID|NAME",
    .purpose =
        "Show where small-object memory went: size classes, pools and arenas of a program that\n"
        "ran with --allocator=pool, or how they would hold the blocks of any other, with what\n"
        "glibc's malloc takes for them.  A PID or NAME is of a program being recorded now.",
    .tables = {{"Options", specs}, {NULL, text_option_specs}},
    .closing =
        "The exit status is 3 when no such program is being profiled, 4 when several of that\n"
        "name are, 5 when the process is another user's.",
};

struct choice {
    struct pools_options pools;
    struct text_choice text;
    bool ascii, grouped, ordered;
    uint64_t limit;
    const char *json, *csv, *snapshot;
};

static int take_word(struct choice *c, int id, const char *argument)
{
    static const char *const groups[] = {"class", "line", "function", NULL};
    static const char *const orders[] = {"taken", "waste", "asked", "count", NULL};
    int word =
        id == 'g' ? option_word("group-by", argument, groups) : option_word("by", argument, orders);

    if (word < 0)
        return OPTIONS_WRONG;
    if (id == 'g') {
        c->pools.group = (enum pools_group)word;
        c->grouped = true;
    } else {
        c->pools.order = (enum pools_order)word;
        c->ordered = true;
    }
    return 0;
}

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    switch (id) {
    case 'g':
    case OPTION_BY:
        return take_word(c, id, argument);
    case 't':
        return option_number("top", argument, UINT32_MAX, &c->limit);
    case OPTION_JSON:
        c->json = argument;
        return 0;
    case OPTION_CSV:
        c->csv = argument;
        return 0;
    case OPTION_SNAPSHOT:
        c->snapshot = argument;
        return 0;
    case OPTION_ASCII:
        c->ascii = true;
        return 0;
    default:
        return text_choice_take(&c->text, id, argument);
    }
}

/* ---------------------------------------------------------------- a file -- */

typedef int report_writer(FILE *out, const struct profile *p, const struct pools *s,
                          const struct report_pools_options *options, struct error *e);

struct written {
    report_writer *write;
    const struct profile *p;
    const struct pools *s;
    const struct report_pools_options *report;
};

static int write_report(FILE *out, void *context, struct error *e)
{
    const struct written *w = context;

    return w->write(out, w->p, w->s, w->report, e);
}

static int write_file(const char *file, report_writer *write, const struct profile *p,
                      const struct pools *s, const struct report_pools_options *report,
                      struct error *e)
{
    struct written w = {write, p, s, report};

    return document_write(file, write_report, &w, e);
}

static int write_text(const struct choice *c, const struct profile *p, const struct pools *s,
                      const struct report_pools_options *report, struct error *e)
{
    struct strbuf out;
    int result;

    strbuf_init(&out);
    report_pools_text(&out, p, s, report);
    result = out.failed ? error_set(e, ERROR_MEMORY, "out of memory")
                        : pager_write(&out, !c->text.no_pager, e);
    strbuf_release(&out);
    return result;
}

static int write_all(const struct choice *c, const struct profile *p, const struct pools *s,
                     const struct report_pools_options *report, struct error *e)
{
    if (c->json && write_file(c->json, report_pools_json, p, s, report, e) != 0)
        return -1;
    if (c->csv && write_file(c->csv, report_pools_csv, p, s, report, e) != 0)
        return -1;
    return c->json || c->csv ? 0 : write_text(c, p, s, report, e);
}

static int show(const struct profile *p, const char *path, void *context, struct error *e)
{
    const struct choice *c = context;
    const struct report_text_options text = text_choice_options(&c->text, stdout);
    struct pools_options making = c->pools;
    struct report_pools_options report = {
        .group = c->pools.group,
        .order = c->pools.order,
        .columns = text.columns,
        .limit = (size_t)c->limit,
        .colour = text.colour,
        .exact = text.exact,
        .ascii = c->ascii || !terminal_takes_utf8(),
    };
    struct pools pools;
    int result;

    (void)path;
    if (moment_find(p, c->snapshot, &making.moment, e) != 0 ||
        pools_make(&pools, p, &making, e) != 0)
        return -1;
    report.moment = making.moment;
    result = write_all(c, p, &pools, &report, e);
    pools_release(&pools);
    return result;
}

/* ------------------------------------------------------------- a program -- */

static int show_answer(const struct control_answer *a, struct choice *c)
{
    if (a->status == CONTROL_OK && *a->file)
        return profile_operand_show(a->file, show, c);
    if (a->status == CONTROL_NOTHING) {
        words_say("the program has ended: show its profile");
        return EXIT_NOT_PROFILED;
    }
    if (a->status == CONTROL_OK)
        words_say("the profile of %s goes to no file (-o /dev/null): there is nothing to read",
                  a->program);
    else
        words_say("the state of the heap was not written: %s", a->text);
    return EXIT_TROUBLE;
}

static int show_program(const char *what, struct choice *c)
{
    struct control_request request = control_request_make(CONTROL_POOLS);
    struct control_answer answer;
    int status = session_ask_chosen(what, &request, &answer, TIMEOUT_MS);

    return status == EXIT_FINE ? show_answer(&answer, c) : status;
}

static bool goes_out_twice(const struct choice *c)
{
    return c->json && c->csv && strcmp(c->json, "-") == 0 && strcmp(c->csv, "-") == 0;
}

int cmd_pools(int argc, char **argv)
{
    struct choice c = {.limit = ROWS};
    int first, status = EXIT_USAGE;

    text_choice_init(&c.text);
    c.pools.skip = &c.text.skip;
    first = options_parse(&options, argc, argv, take, &c);
    if (c.ordered && !c.grouped)
        c.pools.group = POOLS_BY_LINE;
    if (first == OPTIONS_DONE) {
        status = EXIT_FINE;
    } else if (first >= 0 && argc - first != 1) {
        words_say(argc == first ? "which profile, or program?" : "one at a time");
        options_wrong(&options);
    } else if (first >= 0 && goes_out_twice(&c)) {
        words_say("only one of --json and --csv can go to standard output");
        options_wrong(&options);
    } else if (first >= 0 && heap_source_is_file(argv[first])) {
        status = profile_operand_show(argv[first], show, &c);
    } else if (first >= 0) {
        status = show_program(argv[first], &c);
    }
    text_choice_release(&c.text);
    return status;
}
