/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands that run programs say of a run of several processes, and what they do
 * for each.
 */
#ifndef MEMPROF_CLI_TREE_OUTPUT_H
#define MEMPROF_CLI_TREE_OUTPUT_H

#include "cli/run-options.h"
#include "src/host/recording/tree.h"

/* What a report of leaks says is lost, definitely and with it, into the row. */
void tree_output_leaks(struct tree_row *row, const struct leak_report *report);

/* A line on stderr: which processes still run now that the program has ended. */
void tree_output_waiting(const struct tree *tree);

/* The table, its title and where the profiles are; nothing for a single process. */
void tree_output_add(struct strbuf *out, const struct run_result *r, bool exact);

#endif
