/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A diff as JSON: the keys are described in memprof-diff(1).
 */
#ifndef MEMPROF_HOST_REPORT_DIFF_JSON_H
#define MEMPROF_HOST_REPORT_DIFF_JSON_H

#include "src/host/report/report-diff-text.h"

#include <stdio.h>

#define REPORT_DIFF_SCHEMA 1

/* Write the document and flush it, a row at a time.  0, or -1 with `e` set. */
int report_diff_json(FILE *out, const struct diff *d, const struct diff_side *before,
                     const struct diff_side *after, struct error *e);

/* "line", "text", "function", "offset"; NULL for MATCH_NOT. */
const char *report_diff_tier_word(enum match_tier tier);

/* "same", "changed", "new", "gone". */
const char *report_diff_status_word(enum diff_status status);

/*
 * Which of a row's place the grouping fixes: the rest is that of the stack that
 * happens to stand for the row.
 */
struct diff_place {
    const char *function, *file, *module; /* "" unknown or not fixed */
    uint32_t line;                        /* 0 likewise */
    const struct profile_thread *thread;  /* NULL but by thread */
};
struct diff_place report_diff_place(const struct diff *d, const struct diff_row *row);

#endif
