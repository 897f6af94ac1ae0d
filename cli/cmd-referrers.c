// SPDX-License-Identifier: Apache-2.0
#include "cli/block-question.h"
#include "cli/block-references.h"
#include "cli/command.h"

static const struct options options = {
    .command = "memprof referrers",
    .usage = "[OPTIONS] [FILE|PID|NAME] ADDRESS|LEAK-ID",
    .purpose =
        "Show what refers to a block of memory: roots first, then other blocks, with the place of\n"
        "each pointer.  Of a program that is being recorded now the heap is searched first.",
    .tables = {{"Options", block_references_specs}, {NULL, block_question_specs}},
    .closing = "The exit status is 1 when no such block was live, 3 when no such program is being\n"
               "profiled, 4 when several of that name are, 5 when the process is another user's.",
};

int cmd_referrers(int argc, char **argv)
{
    return block_references_run(&options, false, argc, argv);
}
