/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the mappings that memprof made for itself in the target, in the
 * segment: nothing in them is the program's, and no pointer there holds a block.
 * What the kernel shows as one mapping may be partly ours, since neighbours merge.
 *
 * Not in the table: the segment (a memfd), memprof's own module, arenas and other
 * memory that serves the program's requests.
 *
 * Target side: any thread, async-signal-safe, no lock.  Host side: any time; while the
 * target is stopped what is found is exact but for a mapping that is just being made
 * (nothing is in it yet) or unmade (it is taken out first).
 */
#ifndef MEMPROF_SHARED_OWNRANGE_H
#define MEMPROF_SHARED_OWNRANGE_H

#include "src/shared/segment.h"

/* Target: enter [start, start + bytes), start a multiple of 8 and not 0.  false: the table is
 * full. */
bool own_range_add(const struct segment *s, const void *start, size_t bytes);

/* Target: take out the range that begins there, before it is unmapped. */
void own_range_remove(const struct segment *s, const void *start);

/*
 * Host: the next range at or behind index *at, which moves on; begin with 0.  In no order.
 * false: there are no more.
 */
bool own_range_next(const struct segment *s, uint32_t *at, uint64_t *start, uint64_t *end);

#endif
