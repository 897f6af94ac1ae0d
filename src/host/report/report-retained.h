/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lines and single blocks hold (retained.h), for people and as JSON (memprof-json(5)).
 */
#ifndef MEMPROF_HOST_REPORT_RETAINED_H
#define MEMPROF_HOST_REPORT_RETAINED_H

#include "src/host/leaks/retained.h"
#include "src/host/report/report-text.h"

#include <stdio.h>

struct report_retained_options {
    struct report_text_options text;
    enum view_group group;
    size_t limit; /* rows, and blocks; 0 all */
};

/* A line a row, that holds most first, then single blocks likewise. */
void report_retained_text(struct strbuf *out, const struct heapimage *h, const struct retained *r,
                          const struct report_retained_options *options);

/* 0, or -1 with `e` set. */
int report_retained_json(FILE *out, const struct heapimage *h, const struct retained *r,
                         const struct report_retained_options *options, struct error *e);

#endif
