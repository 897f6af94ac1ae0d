/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pools of a running program hold: read from its memory without its help
 * and without stopping it.  Numbers of pools that its threads work in are those of
 * slightly different moments, as with census.h.
 */
#ifndef MEMPROF_HOST_POOLSTATE_H
#define MEMPROF_HOST_POOLSTATE_H

#include "src/host/error.h"
#include "src/shared/census.h"

#include <sys/types.h>

/*
 * `state` is the address of its struct arena_state, from the segment's header; the
 * program must have been built with the same geometry, which one from the same segment
 * version was.  0, or -1 with `e` set: it cannot be read, or makes no sense.
 */
int poolstate_read(pid_t pid, uint64_t state, struct census *census, struct error *e);

#endif
