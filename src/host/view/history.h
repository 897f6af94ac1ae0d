/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of what passes a filter was live at each moment of a run.
 */
#ifndef MEMPROF_HOST_HISTORY_H
#define MEMPROF_HOST_HISTORY_H

#include "src/host/view/view.h"

struct history {
    struct view_amount *moments; /* one for each of profile.moments */
    struct view_amount peak;     /* at the process's peak */
    struct view_amount end;
};

/*
 * By the domain, filter and skip list of the options; the others are not looked
 * at.  Every change is looked at once, however many moments there are.  0, or -1
 * with `e` set and nothing to release.
 */
int history_make(struct history *h, const struct profile *p, const struct view_options *options,
                 struct error *e);
void history_release(struct history *h);

#endif
