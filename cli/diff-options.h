/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of memprof diff: those of views that make sense for two moments,
 * and its own.
 */
#ifndef MEMPROF_CLI_DIFF_OPTIONS_H
#define MEMPROF_CLI_DIFF_OPTIONS_H

#include "cli/view-options.h"
#include "src/host/diff/growth.h"
#include "src/host/diff/pathmap.h"

struct diff_choice {
    struct view_choice view;
    struct pathmap paths;
    const char *baseline; /* --baseline; NULL: two profiles */
    const char *limit_text;
    struct growth_limit limit; /* --fail-on-growth, if `limited` */
    bool limited;
};

void diff_choice_init(struct diff_choice *c);
void diff_choice_release(struct diff_choice *c);

/* As options_parse, with the options that exclude each other checked. */
int diff_choice_parse(struct diff_choice *c, int argc, char **argv);

/* Say how to get help. */
void diff_choice_wrong(void);

#endif
