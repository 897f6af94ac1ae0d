/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites: what one thread allocates in one domain through one stack, and the
 * numbers of each.  Site numbers are dense and begin at 1; 0 means none.
 *
 * A dense array gives the first site of a stack node; further threads and
 * domains on the same node are found through a hash table.
 *
 * The arrays move when they grow: keep numbers, not pointers.
 */
#ifndef MEMPROF_HOST_SITES_H
#define MEMPROF_HOST_SITES_H

#include <stddef.h>
#include <stdint.h>

/* Two cache lines: a free touches the first only. */
struct site {
    _Alignas(64) uint64_t live_bytes;
    uint64_t live_blocks;
    uint64_t peak_bytes, peak_blocks; /* valid for the peak numbered `epoch`, see model.c */
    uint64_t epoch;
    uint64_t temporary_bytes, temporary_blocks;
    uint32_t thread; /* row of threads.h */
    uint32_t domain; /* enum domain */

    uint64_t total_bytes, total_blocks;
    uint64_t smallest, largest;
    uint64_t first_time, last_time; /* clock ticks; of allocations */
    uint32_t node;
    uint32_t reserved[3];
};
_Static_assert(sizeof(struct site) == 128, "two cache lines");

struct sites {
    struct site *sites; /* 0 unused */
    uint32_t count;     /* including number 0 */
    uint32_t room;
    uint32_t *first; /* by node: its first site */
    uint32_t first_room;
    uint32_t *index; /* hash table of the sites that are not a node's first */
    uint32_t index_size, index_used;
};

void sites_init(struct sites *s);
void sites_release(struct sites *s);

/* sites_get where the site is not its node's first.  0: out of memory. */
uint32_t sites_get_slow(struct sites *s, uint32_t node, uint32_t thread, uint32_t domain);

/* The site, made if there is none yet.  0: out of memory. */
static inline uint32_t sites_get(struct sites *s, uint32_t node, uint32_t thread, uint32_t domain)
{
    if (__builtin_expect(node < s->first_room, 1)) {
        uint32_t i = s->first[node];
        const struct site *site = &s->sites[i];

        if (__builtin_expect(i != 0 && site->thread == thread && site->domain == domain, 1))
            return i;
    }
    return sites_get_slow(s, node, thread, domain);
}

/* Bytes of memory that the arrays hold. */
uint64_t sites_memory(const struct sites *s);

#endif
