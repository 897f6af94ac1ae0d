// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/document.h"
#include "cli/heap-source.h"
#include "cli/options.h"
#include "cli/pager.h"
#include "cli/profile-operand.h"
#include "cli/text-options.h"
#include "cli/words.h"
#include "src/host/report/report-duplicates.h"

#define ROWS 20

enum {
    OPTION_PID = OPTION_LONG_ONLY,
    OPTION_JSON,
};

static const struct option_spec specs[] = {
    {OPTION_PID, "pid", "PID", "search a program that is being recorded now"},
    {'g', "group-by", "WHAT", "line, function, file, module, thread or traceback [line]"},
    {'t', "top", "N", "show N rows; 0 all [20]"},
    {OPTION_JSON, "json", "[=FILE]", "write it as JSON to FILE [standard output]"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof duplicates",
    .usage = "[OPTIONS] FILE|PID|NAME",
    .purpose =
        "Show live blocks with the same bytes, and what keeping one of each would save: of a\n"
        "profile that memprof run --duplicates made, or of a program that is being recorded now.",
    .tables = {{"Options", specs}, {NULL, text_option_specs}},
    .closing =
        "The exit status is 3 when no such program is being profiled, 4 when several of that\n"
        "name are, 5 when the process is another user's.",
};

struct choice {
    struct text_choice text;
    enum view_group group;
    const char *pid, *json;
    uint64_t limit;
};

static int take_group(struct choice *c, const char *argument)
{
    static const char *const words[] = {"line",   "function",  "file", "module",
                                        "thread", "traceback", NULL};
    int word = option_word("group-by", argument, words);

    if (word < 0)
        return OPTIONS_WRONG;
    c->group = (enum view_group)word;
    return 0;
}

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    switch (id) {
    case OPTION_PID:
        c->pid = argument;
        return 0;
    case 'g':
        return take_group(c, argument);
    case 't':
        return option_number("top", argument, UINT32_MAX, &c->limit);
    case OPTION_JSON:
        c->json = argument ? argument : "-";
        return 0;
    default:
        return text_choice_take(&c->text, id, argument);
    }
}

/* ------------------------------------------------------------------ output -- */

struct document {
    const struct profile *profile;
    const struct duplicates *duplicates;
    const struct report_duplicates_options *options;
};

static int write_document(FILE *out, void *context, struct error *e)
{
    const struct document *d = context;

    return report_duplicates_json(out, d->profile, d->duplicates, d->options, e);
}

static int write_text(const struct choice *c, const struct document *d, struct error *e)
{
    struct strbuf out;
    int result;

    strbuf_init(&out);
    report_duplicates_text(&out, d->profile, d->duplicates, d->options);
    result = out.failed ? error_set(e, ERROR_MEMORY, "out of memory while making the report")
                        : pager_write(&out, !c->text.no_pager, e);
    strbuf_release(&out);
    return result;
}

static int show(const struct profile *p, const char *path, void *context, struct error *e)
{
    const struct choice *c = context;
    struct sourcelines sources;
    struct duplicates duplicates;
    struct report_duplicates_options report = {.text = text_choice_options(&c->text, stdout),
                                               .group = c->group,
                                               .limit = (size_t)c->limit};
    struct document document = {p, &duplicates, &report};
    int result;

    (void)path;
    if (!duplicates_known(p, e) || duplicates_make(&duplicates, p, c->group, &c->text.skip, e) != 0)
        return -1;
    sourcelines_init(&sources);
    report.text.sources = &sources;
    result = c->json ? document_write(c->json, write_document, &document, e)
                     : write_text(c, &document, e);
    sourcelines_release(&sources);
    duplicates_release(&duplicates);
    return result;
}

static int find(struct choice *c, const char *what)
{
    const struct heap_question question = {.flags = CONTROL_SEARCH_DUPLICATES,
                                           .program = c->pid != NULL};
    char path[CONTROL_PATH_BYTES];
    int status = heap_source_find(what, &question, path);

    return status == EXIT_FINE ? profile_operand_show(path, show, c) : status;
}

int cmd_duplicates(int argc, char **argv)
{
    struct choice c = {.limit = ROWS};
    int first, status = EXIT_USAGE;

    text_choice_init(&c.text);
    first = options_parse(&options, argc, argv, take, &c);
    if (first == OPTIONS_DONE) {
        status = EXIT_FINE;
    } else if (first >= 0 && argc - first + (c.pid != NULL) != 1) {
        words_say(argc == first ? "which profile, or program?" : "one at a time");
        options_wrong(&options);
    } else if (first >= 0) {
        status = find(&c, c.pid ? c.pid : argv[first]);
    }
    text_choice_release(&c.text);
    return status;
}
