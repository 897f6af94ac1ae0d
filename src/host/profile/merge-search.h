/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a merge that is about searches for leaks (merge.h): the rows of leaks
 * with the weak regions that they name, and one search for all of them.
 */
#ifndef MEMPROF_HOST_MERGE_SEARCH_H
#define MEMPROF_HOST_MERGE_SEARCH_H

#include "src/host/profile/merge.h"

/* Add those of `from`, whose sites are rows from `first_site` on in the result. */
void merge_search_add(struct merge *m, const struct profile *from, uint32_t first_site);

/* Put the rows in order.  To be called once, when all are added. */
void merge_search_finish(struct merge *m);

#endif
