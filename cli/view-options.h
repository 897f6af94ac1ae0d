/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that choose what of a profile is shown and how, the same for
 * every command that shows one; and showing it by them.
 */
#ifndef MEMPROF_CLI_VIEW_OPTIONS_H
#define MEMPROF_CLI_VIEW_OPTIONS_H

#include "cli/options.h"
#include "src/host/profile.h"
#include "src/host/report-text.h"
#include "src/host/view.h"

struct view_choice {
    struct view_options view; /* `skip` points at `skip` below */
    struct skiplist skip;
    const char *json; /* file, or "-"; NULL: no JSON */
    size_t columns;   /* --width */
    bool limit_given, columns_given, exact, list_skipped;
};

/* Ids from here to OPTION_LONG_ONLY + 99 are these; a command's own begin behind. */
#define OPTION_OF_COMMAND (OPTION_LONG_ONLY + 100)

extern const struct option_spec view_option_specs[];

void view_choice_init(struct view_choice *c);
void view_choice_release(struct view_choice *c);

/* An option_taker for view_option_specs. */
int view_choice_take(void *choice, int id, const char *argument);

/* Print the patterns in force, for --skip-list. */
void view_choice_list_skipped(const struct view_choice *c);

/*
 * Fill in what the text for `stream` depends on.  `sources` may be NULL and must
 * outlive the options.
 */
struct report_text_options view_choice_text(const struct view_choice *c, FILE *stream,
                                            struct sourcelines *sources);

/* Append the rows as text.  0, or -1 with `e` set. */
int view_choice_add_rows(const struct view_choice *c, const struct profile *p,
                         const struct report_text_options *options, struct strbuf *out,
                         struct error *e);

/* Write the JSON that --json asked for, if any: all rows unless -t was given.  0, or -1. */
int view_choice_write_json(const struct view_choice *c, const struct profile *p, struct error *e);

/* Write the text to the stream at once.  0, or -1 with `e` set. */
int text_write(const struct strbuf *text, FILE *stream, struct error *e);

#endif
