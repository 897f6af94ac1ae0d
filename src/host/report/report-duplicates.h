/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live blocks with the same bytes, for people and as JSON (memprof-json(5)).
 */
#ifndef MEMPROF_HOST_REPORT_DUPLICATES_H
#define MEMPROF_HOST_REPORT_DUPLICATES_H

#include "src/host/leaks/duplicates.h"
#include "src/host/report/report-text.h"

#include <stdio.h>

struct report_duplicates_options {
    struct report_text_options text;
    enum view_group group;
    size_t limit; /* rows; 0 all */
};

/* What sharing would save in all, and a line a row, that saves most first. */
void report_duplicates_text(struct strbuf *out, const struct profile *p, const struct duplicates *d,
                            const struct report_duplicates_options *options);

/* 0, or -1 with `e` set. */
int report_duplicates_json(FILE *out, const struct profile *p, const struct duplicates *d,
                           const struct report_duplicates_options *options, struct error *e);

#endif
