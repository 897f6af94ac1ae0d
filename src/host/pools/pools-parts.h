/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make a struct pools share.  Only they use this.
 */
#ifndef MEMPROF_HOST_POOLS_PARTS_H
#define MEMPROF_HOST_POOLS_PARTS_H

#include "src/host/pools/pools.h"

struct pools_making {
    struct pools *pools;
    const struct profile *profile;
    uint32_t *place_of; /* by site */
    uint32_t guards;
    const struct profile_moment *counted; /* a snapshot whose pools are in the profile; or NULL */
};

/*
 * The live blocks of a moment by size, as far as their sites tell: rows from malloc, by
 * site.  `averaged` are those that stand for blocks of several sizes.  0, or -1 with `e` set.
 */
int pools_sizes_at(const struct profile *p, struct moment moment, struct profile_size **sizes,
                   uint32_t *count, uint64_t *averaged, struct error *e);

/* Each fills in its part.  false: out of memory. */
bool pools_make_lines(const struct pools_making *m, enum pools_order order);
bool pools_make_pinned(const struct pools_making *m);
bool pools_make_map(const struct pools_making *m);

#endif
