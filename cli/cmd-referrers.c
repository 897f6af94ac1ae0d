// SPDX-License-Identifier: Apache-2.0
#include "cli/block-question.h"
#include "cli/command.h"
#include "cli/words.h"

#define ROWS 20

static const struct option_spec specs[] = {
    {'t', "top", "N", "show N references; 0 all [20]"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof referrers",
    .usage = "[OPTIONS] [FILE|PID|NAME] ADDRESS|LEAK-ID",
    .purpose =
        "Show what refers to a block of memory: roots first, then other blocks, with the place of\n"
        "each pointer.  Of a program that is being recorded now the heap is searched first.",
    .tables = {{"Options", specs}, {NULL, block_question_specs}},
    .closing = "The exit status is 1 when no such block was live, 3 when no such program is being\n"
               "profiled, 4 when several of that name are, 5 when the process is another user's.",
};

struct choice {
    struct block_question question;
    uint64_t limit;
};

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    if (id == 't')
        return option_number("top", argument, UINT32_MAX, &c->limit);
    return block_question_take(&c->question, id, argument);
}

static int answer(const struct block_found *found, struct strbuf *out, FILE *json, void *context,
                  struct error *e)
{
    const struct choice *c = context;
    const struct report_references references = {
        .block = found->block, .from_block = false, .limit = (size_t)c->limit};

    if (json)
        return report_references_json(json, &found->words, found->image, &references,
                                      &found->subject, e);
    report_references_text(out, &found->words, found->image, &references, &found->subject);
    return 0;
}

int cmd_referrers(int argc, char **argv)
{
    struct choice c = {.limit = ROWS};
    int first = options_parse(&options, argc, argv, take, &c);

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first < 0)
        return EXIT_USAGE;
    return block_question_run(&options, &c.question, argc - first, argv + first, answer, &c);
}
