// SPDX-License-Identifier: Apache-2.0
#include "cli/block-question.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/words.h"

enum {
    OPTION_FRAMES = OPTION_LONG_ONLY,
};

static const struct option_spec specs[] = {
    {OPTION_FRAMES, "frames", "N", "show the N innermost frames of the block's stack [all]"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof why",
    .usage = "[OPTIONS] [FILE|PID|NAME] ADDRESS|LEAK-ID",
    .purpose =
        "Show why a block of memory is held: the shortest chain of references that leads to it\n"
        "from a root, or from the lost block that it is lost with; the cycle that it is part of;\n"
        "and what it holds.  Of a program that is being recorded now the heap is searched first.",
    .tables = {{"Options", specs}, {NULL, block_question_specs}},
    .closing = "The exit status is 1 when no such block was live, 3 when no such program is being\n"
               "profiled, 4 when several of that name are, 5 when the process is another user's.",
};

struct choice {
    struct block_question question;
    uint64_t frames;
};

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    if (id == OPTION_FRAMES)
        return option_number("frames", argument, UINT32_MAX, &c->frames);
    return block_question_take(&c->question, id, argument);
}

static int answer(const struct block_found *found, struct strbuf *out, FILE *json, void *context,
                  struct error *e)
{
    const struct choice *c = context;
    struct sourcelines sources;
    struct report_text_options text = {.columns = found->words.columns,
                                       .exact = c->question.exact,
                                       .sources = &sources,
                                       .stack = {.limit = (size_t)c->frames}};
    struct why why;
    int result = 0;

    if (why_find(&why, found->image, found->block, e) != 0)
        return -1;
    sourcelines_init(&sources);
    if (json)
        result = report_why_json(json, &found->words, &why, &found->subject, e);
    else
        report_why_text(out, &found->words, &why, &found->subject, &text);
    sourcelines_release(&sources);
    why_release(&why);
    return result;
}

int cmd_why(int argc, char **argv)
{
    struct choice c = {.frames = 0};
    int first = options_parse(&options, argc, argv, take, &c);

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first < 0)
        return EXIT_USAGE;
    return block_question_run(&options, &c.question, argc - first, argv + first, answer, &c);
}
