/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of heapcopy_take, for heapcopy.c.  Not for others. */
#ifndef MEMPROF_HOST_HEAPCOPY_PARTS_H
#define MEMPROF_HOST_HEAPCOPY_PARTS_H

#include "src/host/search/heapcopy.h"

/* The mappings to copy, in the order of the file; those of `ours` (ascending) are cut out. */
int heapcopy_list(struct heapcopy *c, pid_t pid, const struct heap_range *ours, uint32_t our_count,
                  struct error *e);

/* The extents that are there in those mappings, without bytes. */
int heapcopy_find(struct heapcopy *c, pid_t pid, struct error *e);

/* Read them all into c->memory; what cannot be read is cut out of the extents. */
int heapcopy_fill(struct heapcopy *c, pid_t pid, struct copyroom *room, struct error *e);

/* One more extent at the end of the list.  false: out of memory. */
bool heapcopy_add(struct heapcopy *c, uint64_t start, uint64_t end);

#endif
