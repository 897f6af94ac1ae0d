/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stacks of a view grouped by traceback in the folded form that the makers of
 * flame graphs read (https://github.com/brendangregg/FlameGraph): a line a stack,
 * outermost function first, separated by semicolons, then a space and the
 * weight by the view's order.
 * A semicolon in a name becomes a colon; control characters are escaped.  Rows
 * that the view left out are one more line, so that the weights sum up to the
 * view's whole.
 */
#ifndef MEMPROF_HOST_REPORT_FOLDED_H
#define MEMPROF_HOST_REPORT_FOLDED_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/view/stacklines.h"
#include "src/host/view/view.h"

#include <stdio.h>

/* Write the lines to `out` and flush it; `stack` limits each of them.  0, or -1 with `e` set. */
int report_folded_write(FILE *out, const struct profile *p, const struct view *v,
                        const struct stack_choice *stack, struct error *e);

#endif
