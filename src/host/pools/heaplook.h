/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the live blocks of the heap: how many there are of each size of each
 * site, and in which pools they lie where the program runs on those of
 * --allocator=pool (src/shared/pool.h).
 *
 * Which pool a block lies in, its address tells.  Arenas hold nothing but pools, so
 * that what lies where a larger block begins as well is not in an arena.  What a pool
 * holds that was not recorded as live (see census.h: blocks in quarantine, or that were
 * freed on another thread and not collected) is not in these numbers, but in the census.
 *
 * One to three passes over the table of live blocks: 10 million on the pools take 2 to 3
 * seconds, in which nothing else is taken from the program.
 */
#ifndef MEMPROF_HOST_HEAPLOOK_H
#define MEMPROF_HOST_HEAPLOOK_H

#include "src/host/error.h"
#include "src/host/model/model.h"
#include "src/host/pools/poolstate.h"
#include "src/shared/segment.h"

#include <sys/types.h>

#define HEAPLOOK_SIZES_MAX (1u << 20) /* rows; a profile says what was left out */
#define HEAPLOOK_PINS_MAX (1u << 18)
#define HEAPLOOK_SNAPSHOT_POOLS_MAX (1u << 20) /* of all snapshots together: 24 MiB */

/*
 * Fill in `heap` but for its time and number, `sizes`, `classes`, `pools` and `pins` of
 * `part`, which are empty.  The sites of the model are those of the profile, from 1.
 * `pid` is the process, to be asked for its census; 0: it has ended, and left one or not, and
 * `last` is what heap_pools_now found last.  A pool's class is what the pools say, where they
 * were asked, else that of its largest block by what was asked for.
 * 0, or -1 with `e` set: out of memory.
 */
int heap_look(struct profile *part, const struct model *model, const struct segment *segment,
              pid_t pid, const struct poolstate_rows *last, struct error *e);

/* What the pools of the process are now, sorted, instead of what `rows` had; maybe nothing. */
void heap_pools_now(struct poolstate_rows *rows, const struct segment *segment, pid_t pid);

/*
 * What the pools hold now, if the program runs on them, into the fields of the first moment
 * of `part` for that and, for a snapshot, into `snapshot_pools`, unless those would be more
 * than `most`; `pid` as above.  Milliseconds a gigabyte.
 */
void heap_fill(struct profile *part, const struct segment *segment, pid_t pid, uint32_t most);

/* Bytes that --allocator=pool-debug puts around a block. */
uint32_t heap_guard_bytes(uint32_t allocator);

#endif
