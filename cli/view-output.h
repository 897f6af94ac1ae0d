/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing a profile as the options of view-options.h say.
 */
#ifndef MEMPROF_CLI_VIEW_OUTPUT_H
#define MEMPROF_CLI_VIEW_OUTPUT_H

#include "cli/view-options.h"
#include "src/host/report/report-text.h"

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

/* Whether --json, --csv or --folded was given. */
bool view_choice_has_files(const struct view_choice *c);

/* 0, or -1 with `e` set when a file that is to be written cannot be. */
int view_choice_check_files(const struct view_choice *c, struct error *e);

/*
 * Write what --json, --csv and --folded asked for, if anything: all rows unless
 * -t was given.  0, or -1 with `e` set.
 */
int view_choice_write_files(const struct view_choice *c, const struct profile *p, struct error *e);

/* Write the text to the stream at once.  0, or -1 with `e` set. */
int text_write(const struct strbuf *text, FILE *stream, struct error *e);

#endif
