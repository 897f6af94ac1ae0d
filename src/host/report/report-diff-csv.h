/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A diff as a table for spreadsheets and scripts (RFC 4180): a line of column
 * names, then a line a row, fields separated by commas.
 */
#ifndef MEMPROF_HOST_REPORT_DIFF_CSV_H
#define MEMPROF_HOST_REPORT_DIFF_CSV_H

#include "src/host/report/report-diff-text.h"

#include <stdio.h>

/* Write the table and flush it.  0, or -1 with `e` set. */
int report_diff_csv(FILE *out, const struct diff *d, const struct diff_side *before,
                    struct error *e);

#endif
