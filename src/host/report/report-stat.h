/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run without rows: who ran and when, totals, domains, the timeline, marks and
 * snapshots; as text and as JSON.
 */
#ifndef MEMPROF_HOST_REPORT_STAT_H
#define MEMPROF_HOST_REPORT_STAT_H

#include "src/host/report/report-text.h"
#include "src/host/view/history.h"
#include "src/host/view/view.h"

#include <stdio.h>

struct report_stat_options {
    struct report_text_options text;
    bool ascii;                      /* the plot in ASCII */
    bool one;                        /* only the moment, not all snapshots */
    struct moment moment;            /* that one */
    const struct history *history;   /* what passes the filters; NULL: none were given */
    const struct view_options *view; /* those filters, for JSON; NULL likewise */
};

/* Append the report; names in it are escaped. */
void report_stat_text(struct strbuf *out, const struct profile *p,
                      const struct report_stat_options *options);

/* Write the document (memprof-json(5)) and flush it.  0, or -1 with `e` set. */
int report_stat_json(FILE *out, const struct profile *p, const struct report_stat_options *options,
                     struct error *e);

#endif
