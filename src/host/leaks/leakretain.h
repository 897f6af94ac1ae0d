/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retained sizes of what a search for leaks counted, from the graph that the profile keeps.
 * A search finds them out only when it is told to: they take several times as long as all
 * else about it.
 */
#ifndef MEMPROF_HOST_LEAKRETAIN_H
#define MEMPROF_HOST_LEAKRETAIN_H

#include "src/host/error.h"
#include "src/host/graph/leakgraph.h"
#include "src/host/profile/profile.h"

#define LEAKRETAIN_BLOCKS 1000000u /* of more it takes seconds, and they stay unknown */

/* Whether they can be found out: the graph is whole, and not larger than that. */
bool leakretain_can(const struct profile *p);

/*
 * By row of profile.leaks, the bytes that would be freed with its blocks, these included, each
 * counted once; 0 where they are not known.  What the search found out itself is taken as it
 * is.  From malloc; NULL with `e` set: out of memory, or the profile is damaged (heapimage.h).
 */
uint64_t *leakretain_rows(const struct profile *p, struct error *e);

#endif
