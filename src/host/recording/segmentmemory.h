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

#include <stdbool.h>

/*
 * Choose a layout and make memory for it.  Returns a descriptor of
 * layout->segment_bytes, or -1 with `e` set.  No signal comes of it.  For one
 * thread at a time: the process's limit is changed for a moment.
 */
int segment_memory_make(struct segment_layout *layout, struct error *e);

/* A mapped segment and its descriptor. */
struct segment_memory {
    uint8_t *base;
    int fd;
};

/*
 * Copy a range of one segment to another that is laid out the same.  Pages that were never
 * touched stay so in the copy.  false, with errno set: it cannot be told which those are.
 */
bool segment_memory_copy(const struct segment_memory *to, const struct segment_memory *from,
                         uint64_t start, uint64_t end);

#endif
