/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that ask about one live block: memprof why, referrers and referents.  What
 * their operands mean, the options that they share, and finding the block.
 */
#ifndef MEMPROF_CLI_BLOCK_QUESTION_H
#define MEMPROF_CLI_BLOCK_QUESTION_H

#include "cli/options.h"
#include "src/host/report/report-why.h"

#include <stdio.h>

/* What was chosen; strings are those of argv. */
struct block_question {
    const char *pid, *json;
    uint64_t columns;
    bool columns_given, exact, no_pager;
};

/* Ids from here on, 20 of them. */
#define OPTION_OF_BLOCK_QUESTION (OPTION_LONG_ONLY + 300)

extern const struct option_spec block_question_specs[];

/* An option_taker for these. */
int block_question_take(struct block_question *q, int id, const char *argument);

/* The block that is meant. */
struct block_found {
    const struct profile *profile;
    struct heapimage *image;
    struct heapwords words;
    struct report_why_subject subject;
    uint32_t block; /* row in profile.blocks */
};

/*
 * What a command answers: text appended to `out`, or a document written to `json`; the other
 * is NULL.  0, or -1 with `e` set.
 */
typedef int block_answer(const struct block_found *found, struct strbuf *out, FILE *json,
                         void *context, struct error *e);

/*
 * Find what the operands mean (FILE|PID|NAME and ADDRESS|LEAK-ID, the first left out where
 * --pid says it or only one program runs), and show the answer.  The exit status.
 */
int block_question_run(const struct options *options, const struct block_question *q, int count,
                       char **operands, block_answer *answer, void *context);

#endif
