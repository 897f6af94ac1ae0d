// SPDX-License-Identifier: Apache-2.0
#include "cli/block-references.h"

#include "cli/block-question.h"
#include "cli/words.h"

#define ROWS 20

const struct option_spec block_references_specs[] = {
    {'t', "top", "N", "show N references; 0 all [20]"},
    {0, NULL, NULL, NULL},
};

struct choice {
    struct block_question question;
    uint64_t limit;
    bool from_block;
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
        .block = found->block, .from_block = c->from_block, .limit = (size_t)c->limit};

    if (json)
        return report_references_json(json, &found->words, found->image, &references,
                                      &found->subject, e);
    report_references_text(out, &found->words, found->image, &references, &found->subject);
    return 0;
}

int block_references_run(const struct options *options, bool from_block, int argc, char **argv)
{
    struct choice c = {.limit = ROWS, .from_block = from_block};
    int first = options_parse(options, argc, argv, take, &c);

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first < 0)
        return EXIT_USAGE;
    return block_question_run(options, &c.question, argc - first, argv + first, answer, &c);
}
