/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live blocks with the same bytes (profile.duplicates), by where they were allocated: what
 * keeping one of each, and sharing it, would save.  Of blocks that are alike the one that
 * stays is a block of the row that has most of them, so that the rows sum up to the whole.
 */
#ifndef MEMPROF_HOST_DUPLICATES_H
#define MEMPROF_HOST_DUPLICATES_H

#include "src/host/view/siterows.h"

struct duplicates_row {
    uint32_t row;      /* of siterows.rows: the place */
    uint32_t contents; /* different ones among its blocks */
    uint64_t saved, bytes, blocks;
    uint64_t smallest, largest; /* size of a block */
    uint64_t most;              /* blocks with the content that it has most of, ... */
    uint64_t example;           /* ... and the address of one */
};

struct duplicates {
    struct siterows places;
    struct duplicates_row *rows; /* that save most first */
    uint32_t row_count;
    uint32_t contents;
    uint64_t saved, bytes, blocks;
};

/*
 * Whether the profile's search looked for such blocks; else why not, in `why`.
 */
bool duplicates_known(const struct profile *p, struct error *why);

/* 0, or -1 with `e` set (out of memory) and `d` empty. */
int duplicates_make(struct duplicates *d, const struct profile *p, enum view_group group,
                    const struct skiplist *skip, struct error *e);
void duplicates_release(struct duplicates *d);

#endif
