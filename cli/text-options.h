/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of commands that show a text of lines of source: which frames are passed over
 * in choosing a line, and how the text is laid out.
 */
#ifndef MEMPROF_CLI_TEXT_OPTIONS_H
#define MEMPROF_CLI_TEXT_OPTIONS_H

#include "cli/options.h"
#include "src/host/report/report-text.h"
#include "src/host/view/skiplist.h"

#include <stdio.h>

struct text_choice {
    struct skiplist skip;
    uint64_t columns;
    bool columns_given, exact, no_pager;
};

/* Ids from here on, 20 of them. */
#define OPTION_OF_TEXT (OPTION_LONG_ONLY + 320)

extern const struct option_spec text_option_specs[];

void text_choice_init(struct text_choice *c);
void text_choice_release(struct text_choice *c);

/* An option_taker for them. */
int text_choice_take(struct text_choice *c, int id, const char *argument);

/* For a text that is written to `out`; columns, colour and digits are set. */
struct report_text_options text_choice_options(const struct text_choice *c, FILE *out);

#endif
