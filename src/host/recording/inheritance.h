/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is live in a process at a fork, kept until the child says hello: its model begins
 * with it (record.h).  Blocks count as allocated by their own stacks when the child began,
 * by threads of the parent; what the parent had freed, its peaks and its times are not
 * the child's.
 *
 * Costs 24 bytes a block.  Not thread-safe.
 */
#ifndef MEMPROF_HOST_INHERITANCE_H
#define MEMPROF_HOST_INHERITANCE_H

#include "src/host/model/model.h"

struct inherited_block {
    uint64_t address, size;
    uint32_t site;
    uint32_t domain; /* whose table it lies in: DOMAIN_HEAP also for ignored blocks */
};

struct inherited_site {
    uint32_t node, thread;
    uint16_t domain, class;
};

struct inherited_domain {
    uint32_t domain;
    char name[TEXT_BYTES_MAX + 1];
};

struct inheritance {
    struct inherited_block *blocks;
    uint64_t block_count;
    struct inherited_site *sites; /* by the parent's number; 0 unused */
    uint32_t site_count;
    struct inherited_domain *domains; /* those that the program made */
    uint32_t domain_count;
    struct mappings_range *ranges; /* `owner` is the site */
    uint32_t range_count;
    struct region *regions;
    uint32_t region_count;
    struct threads_row *threads;
    uint32_t thread_count;
    bool partial; /* as of the model */
};

/* Memory that inheritance_take takes for a model as it is now. */
uint64_t inheritance_bytes(const struct model *m);

/* Copy what is live.  false: out of memory, and nothing to release. */
bool inheritance_take(struct inheritance *in, const struct model *m);
void inheritance_release(struct inheritance *in);

/*
 * Into a fresh model, which then has the totals of what it inherited; `time` is the clock
 * when the child began.  What memory does not suffice for is counted in model.events_lost.
 */
void inheritance_give(const struct inheritance *in, struct model *m, uint64_t time);

#endif
