/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a run (tree.h) as a table for people and as JSON; the columns and keys are
 * described in memprof-tree(1).
 */
#ifndef MEMPROF_HOST_REPORT_TREE_H
#define MEMPROF_HOST_REPORT_TREE_H

#include "src/host/recording/tree.h"
#include "src/host/text/strbuf.h"

#include <stdio.h>

#define REPORT_TREE_SCHEMA 1

/* A row an image, indented below the one it comes from; `limit` rows at most, 0 all. */
void report_tree_text(struct strbuf *out, const struct tree *t, uint32_t limit, bool exact);

/* What must be said of a row that is not a number: how it ended, or why it was not recorded. */
void report_tree_ending(char *text, size_t size, const struct tree_row *row);

/* Write the document and flush it.  0, or -1 with `e` set. */
int report_tree_json(FILE *out, const struct tree *t, struct error *e);

#endif
