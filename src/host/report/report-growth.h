/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What grows and what levelled off (courses.h), for people, as JSON and as CSV.  The
 * keys are described in memprof-json(5), the columns in memprof-growth(1).
 */
#ifndef MEMPROF_HOST_REPORT_GROWTH_H
#define MEMPROF_HOST_REPORT_GROWTH_H

#include "src/host/report/report-text.h"
#include "src/host/view/courses.h"

#include <stdio.h>

/* What was looked at, the course of the whole, and the rows with their verdicts. */
void report_growth_text(struct strbuf *out, const struct profile *p, const struct courses *c,
                        const struct report_text_options *options);

/* Write the document and flush `out`.  0, or -1 with `e` set. */
int report_growth_json(FILE *out, const struct profile *p, const struct courses *c,
                       const struct stack_choice *stack, struct error *e);
int report_growth_csv(FILE *out, const struct profile *p, const struct courses *c, struct error *e);

/*
 * What a person can make of a row's course, a sentence without a full stop: "grows
 * without bound, 1.0 GiB an hour: ...".
 */
void report_growth_verdict(struct strbuf *out, const struct courses *c, const struct course *course,
                           bool exact);

#endif
