/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address ranges that the program mapped itself (mmap, mremap, brk) and
 * the site of each: a sorted array of ranges that do not overlap.  The kernel
 * allows some 65,000 mappings, which bounds it.
 *
 * A mapping may lose its middle to munmap; its pieces remain one block until
 * the last of them is gone.
 */
#ifndef MEMPROF_HOST_MAPPINGS_H
#define MEMPROF_HOST_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mappings_range {
    uint64_t start, end; /* end exclusive */
    uint32_t owner;      /* index into owners */
};

struct mappings_owner {
    uint32_t site;
    uint32_t pieces; /* 0: unused; then `site` is the next unused one */
};

struct mappings {
    struct mappings_range *ranges;
    struct mappings_owner *owners;
    uint32_t range_count, range_room;
    uint32_t owner_count, owner_room;
    uint32_t unused; /* head of the unused owners, MAPPINGS_NONE ends */
};
#define MAPPINGS_NONE UINT32_MAX

/* Told of memory that went: `blocks` is 1 when it was the last piece of its mapping. */
typedef void (*mappings_gone)(void *context, uint32_t site, uint64_t bytes, uint32_t blocks);

void mappings_init(struct mappings *m);
void mappings_release(struct mappings *m);

/*
 * A new mapping [start, end), start < end; what was there before goes first.
 * false when memory runs out: then the new range is not known.
 */
bool mappings_add(struct mappings *m, uint64_t start, uint64_t end, uint32_t site,
                  mappings_gone gone, void *context);

/* Whatever is known in [start, end) goes.  false when memory runs out (a split needs some). */
bool mappings_remove(struct mappings *m, uint64_t start, uint64_t end, mappings_gone gone,
                     void *context);

#endif
