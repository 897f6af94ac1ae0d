/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pools of a running program hold: read from its memory without its help
 * and without stopping it.  Numbers of pools that its threads work in are those of
 * slightly different moments, as with census.h.
 */
#ifndef MEMPROF_HOST_POOLSTATE_H
#define MEMPROF_HOST_POOLSTATE_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/shared/census.h"

#include <sys/types.h>

/* The pools in use, in no order; all zero at first but for `most`. */
struct poolstate_rows {
    struct profile_snapshot_pool *pools; /* snapshot is not set; from malloc */
    uint32_t count, room;
    uint32_t most; /* to be taken, set by the caller */
    bool too_many; /* there are more, or memory ran out: nothing is to be made of them */
};

void poolstate_rows_release(struct poolstate_rows *rows);

/*
 * Sort them by address.  The same pool may have been seen twice, where an arena was unmapped and
 * mapped again meanwhile: the first stays.
 */
void poolstate_rows_sort(struct poolstate_rows *rows);

/* The pool at an address, of sorted ones, which may be none; NULL. */
const struct profile_snapshot_pool *poolstate_rows_find(const struct poolstate_rows *rows,
                                                        uint64_t address);

/*
 * `rows` may be NULL.
 *
 * `state` is the address of its struct arena_state, from the segment's header; the
 * program must have been built with the same geometry, which one from the same segment
 * version was.  0, or -1 with `e` set: it cannot be read, or makes no sense.
 */
int poolstate_read(pid_t pid, uint64_t state, struct census *census, struct poolstate_rows *rows,
                   struct error *e);

#endif
