/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sites of a profile by row: which line, function, file, module, thread or stack each
 * belongs to, by the rules of view.h, for tables whose numbers are not those of the sites.
 */
#ifndef MEMPROF_HOST_SITEROWS_H
#define MEMPROF_HOST_SITEROWS_H

#include "src/host/error.h"
#include "src/host/view/linechoice.h"
#include "src/host/view/view.h"

struct siterows {
    struct line_choice *choices; /* by node */
    uint32_t *row_of;            /* by site */
    struct view_row *rows;       /* amount and place; a site that stands for the row */
    uint32_t count;
};

/*
 * Number the rows.  `group` is not VIEW_SIZE_CLASS.  0, or -1 with `e` set (out of memory).
 */
int siterows_init(struct siterows *s, const struct profile *p, enum view_group group,
                  const struct skiplist *skip, struct error *e);
void siterows_release(struct siterows *s);

/*
 * Let a site stand for its row from now on: its stack, line and thread are those that
 * location_row (location.h) and reports show.
 */
void siterows_represent(struct siterows *s, const struct profile *p, uint32_t site);

#endif
