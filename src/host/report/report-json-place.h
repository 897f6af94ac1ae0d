/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a program something is, in JSON reports: the keys of memprof-json(5) that
 * name a place, and those that hold a stack.
 */
#ifndef MEMPROF_HOST_REPORT_JSON_PLACE_H
#define MEMPROF_HOST_REPORT_JSON_PLACE_H

#include "src/host/text/jsonvalue.h"
#include "src/host/view/stacklines.h"
#include "src/host/view/view.h"

/* A string of a profile, null where it is unknown. */
json_t *report_json_string(const struct profile *p, string_id id);

/* "function", "file", "line", "module" and "thread" as far as the grouping fixes them; else null.
 */
void report_json_set_row(struct jsonobject *o, const struct profile *p, enum view_group group,
                         const struct view_row *row);

/*
 * "traceback", innermost line first whatever the choice says, and "traceback_whole":
 * whether it has all callers.
 */
void report_json_set_traceback(struct jsonobject *o, const struct profile *p, uint32_t node,
                               const struct stack_choice *stack);

#endif
