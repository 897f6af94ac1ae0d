/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that say whether and how leaks are searched for, of the commands that run a
 * program.
 */
#ifndef MEMPROF_CLI_LEAK_OPTIONS_H
#define MEMPROF_CLI_LEAK_OPTIONS_H

#include "cli/options.h"
#include "src/host/search/leaksearch.h"

enum leak_check {
    LEAK_CHECK_SUMMARY = 0,
    LEAK_CHECK_FULL,
    LEAK_CHECK_NO,
};

struct leak_choice {
    enum leak_check check;
    struct leaksearch_options search; /* but for `weak` and `at_end`: see leak_choice_settle */
    const char **weak;                /* --weak, ended by NULL; the strings are those of argv */
    size_t weak_count;
};

/* Ids from here on, 50 of them. */
#define OPTION_OF_LEAK_SEARCH (OPTION_LONG_ONLY + 200)

extern const struct option_spec leak_check_specs[];  /* --leak-check alone */
extern const struct option_spec leak_search_specs[]; /* the others */

void leak_choice_init(struct leak_choice *c);
void leak_choice_release(struct leak_choice *c);

/* Whether an option's id is one of the above; an option_taker for them. */
bool leak_choice_has(int id);
int leak_choice_take(struct leak_choice *c, int id, const char *argument);

/* After the last option: complete `search`. */
void leak_choice_settle(struct leak_choice *c);

#endif
