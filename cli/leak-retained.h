/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memprof leaks --group-by: what lines, functions or single blocks hold, in place of leaks.
 */
#ifndef MEMPROF_CLI_LEAK_RETAINED_H
#define MEMPROF_CLI_LEAK_RETAINED_H

#include "cli/view-options.h"
#include "src/host/error.h"

#include <stdbool.h>

struct leak_retained {
    enum view_group group;
    bool wanted; /* --group-by or --by was given */
    bool by_own; /* sort rows by their own bytes, not by what they hold */
};

/* Take the argument of --group-by or of --by.  0, or OPTIONS_WRONG with a line on stderr. */
int leak_retained_group(struct leak_retained *r, const char *argument);
int leak_retained_by(struct leak_retained *r, const char *argument);

/*
 * Show it as text, or as JSON to the file `json` ("-" standard output) if that is not NULL.
 * 0, or -1 with `e` set.
 */
int leak_retained_show(const struct leak_retained *r, const struct profile *p,
                       const struct view_choice *view, const char *json, struct error *e);

#endif
