/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint: what a profile in the making has gained since the checkpoint
 * before.  The collector's thread makes it from the model, between two records
 * (profile-build.h); the writer's thread adds it to the whole profile
 * (profile-append.h), to the series of moments (series.h) and to the file
 * (journal.h).  It shares no memory with either.
 *
 * In `part`
 *   strings     is a table of the part's own: its ids mean nothing elsewhere
 *   process     replaces what was there, as do totals, loss, modules, threads,
 *               samples and domains, whose arrays are complete each time
 *   frames, nodes, sites, marks    hold new rows only; numbers in them (module,
 *               frame, node, thread) count from the whole's beginning.  Frames
 *               have no lines yet.  Of a site node, thread, domain and
 *               first_seconds are set; its stats follow from the changes.  The
 *               first checkpoint brings the STACK_ROOTS roots.
 *   moments     is one row
 *   heap, sizes, classes, pools, pins   replace what was there, if heap.number is not 0
 *   search, leaks, blocks, pointers, roots, exceptions, contents, duplicates   likewise,
 *               if search.number is not 0
 *   lines, changes   are empty
 */
#ifndef MEMPROF_HOST_CHECKPOINT_H
#define MEMPROF_HOST_CHECKPOINT_H

#include "src/host/profile/profile.h"

struct leaksearch;

struct checkpoint {
    struct profile part;
    struct leaksearch *search;      /* to be found, into `part`, before that is added; NULL: none */
    struct profile_change *changes; /* since the moment before, by site, ascending */
    uint32_t change_count;
};

static inline void checkpoint_init(struct checkpoint *c)
{
    profile_init(&c->part);
    c->search = NULL;
    c->changes = NULL;
    c->change_count = 0;
}

void checkpoint_release(struct checkpoint *c);

#endif
