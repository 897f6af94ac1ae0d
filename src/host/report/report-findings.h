/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings for people and as JSON; the keys are described in memprof-json(5).
 */
#ifndef MEMPROF_HOST_REPORT_FINDINGS_H
#define MEMPROF_HOST_REPORT_FINDINGS_H

#include "src/host/findings/findings.h"
#include "src/host/report/report-text.h"

#include <stdio.h>

/*
 * The first `limit` findings (0: all), a title before them; "nothing worth saying" where
 * there is none, but for what little is lost.  `path` is the profile's, for the commands; NULL: no
 * file, no commands.
 */
void report_findings_text(struct strbuf *out, const struct profile *p, const struct findings *f,
                          const char *path, size_t limit,
                          const struct report_text_options *options);

/* Write the document and flush `out`.  0, or -1 with `e` set. */
int report_findings_json(FILE *out, const struct profile *p, const struct findings *f,
                         const char *path, const struct stack_choice *stack, struct error *e);

#endif
