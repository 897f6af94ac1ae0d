/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that memprof and a process share: a sealed memfd, sparse, as large
 * as the limits that both run under allow.
 *
 * A limit on the size of files (RLIMIT_FSIZE) holds for a memfd's size too,
 * when it is set and not when its pages are touched.  The soft limit is put
 * aside for that moment; against the hard limit the segment is made smaller.
 */
#ifndef MEMPROF_HOST_SEGMENTMEMORY_H
#define MEMPROF_HOST_SEGMENTMEMORY_H

#include "src/host/error.h"
#include "src/shared/segment.h"

/*
 * Choose a layout and make memory for it.  Returns a descriptor of
 * layout->segment_bytes, or -1 with `e` set.  No signal comes of it.  For one
 * thread at a time: the process's limit is changed for a moment.
 */
int segment_memory_make(struct segment_layout *layout, struct error *e);

#endif
