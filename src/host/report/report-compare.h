/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs side by side (compare.h) as a table for people, as JSON and as CSV; the
 * keys and columns are described in memprof-compare(1).
 */
#ifndef MEMPROF_HOST_REPORT_COMPARE_H
#define MEMPROF_HOST_REPORT_COMPARE_H

#include "src/host/diff/compare.h"
#include "src/host/text/strbuf.h"

#include <stdio.h>

#define REPORT_COMPARE_SCHEMA 1

/* "peak", "live", "total", "count", "temporary", "seconds". */
const char *report_compare_word(enum compare_order order);

/* A row a run, with what must be said of some of them below; `exact`: all digits of bytes. */
void report_compare_text(struct strbuf *out, const struct compare *c, bool exact);

/* Write the document and flush it.  0, or -1 with `e` set. */
int report_compare_json(FILE *out, const struct compare *c, struct error *e);
int report_compare_csv(FILE *out, const struct compare *c, struct error *e);

#endif
