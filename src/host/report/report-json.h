/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile and a view of it as JSON.  The keys are described in
 * memprof-json(5): what is added raises nothing, what changes its meaning or
 * goes away raises REPORT_JSON_SCHEMA.
 */
#ifndef MEMPROF_HOST_REPORT_JSON_H
#define MEMPROF_HOST_REPORT_JSON_H

#include "src/host/error.h"
#include "src/host/leaks/leakreport.h"
#include "src/host/profile/profile.h"
#include "src/host/view/stacklines.h"
#include "src/host/view/view.h"

#include <stdio.h>

#define REPORT_JSON_SCHEMA 1

/*
 * Write the document to `out` and flush it; a row at a time, so that large
 * profiles take no memory here.  `stack` limits the tracebacks; the innermost
 * line comes first whatever it says.  What the view's options point at must still
 * be there.  `leaks`: members of that report too (report-leak.h), NULL none.  0, or -1 with `e`
 * set.
 */
int report_json_write(FILE *out, const struct profile *p, const struct view *v,
                      const struct stack_choice *stack, const struct leak_report *leaks,
                      struct error *e);

#endif
