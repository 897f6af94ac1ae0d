// SPDX-License-Identifier: Apache-2.0
#include "cli/block-question.h"
#include "cli/block-references.h"
#include "cli/command.h"

static const struct options options = {
    .command = "memprof referents",
    .usage = "[OPTIONS] [FILE|PID|NAME] ADDRESS|LEAK-ID",
    .purpose =
        "Show which blocks of memory a block refers to, with the place of each pointer in it.\n"
        "Of a program that is being recorded now the heap is searched first.",
    .tables = {{"Options", block_references_specs}, {NULL, block_question_specs}},
    .closing = "The exit status is 1 when no such block was live, 3 when no such program is being\n"
               "profiled, 4 when several of that name are, 5 when the process is another user's.",
};

int cmd_referents(int argc, char **argv)
{
    return block_references_run(&options, true, argc, argv);
}
