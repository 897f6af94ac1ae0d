/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites: what one thread allocates in one domain and one size class through one
 * stack, and the numbers of each.  Site numbers are dense and begin at 1; 0 means
 * none.
 *
 * A dense array gives the first site of a stack node and whose it is; further
 * threads, domains and size classes on the same node are found through a hash
 * table.
 *
 * The arrays move when they grow: keep numbers, not pointers.
 */
#ifndef MEMPROF_HOST_SITES_H
#define MEMPROF_HOST_SITES_H

#include <stdbool.h>
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
    uint16_t domain; /* enum domain */
    uint16_t class;  /* sizeclass.h; 0 in DOMAIN_MMAP, which is not split by size */

    uint64_t total_bytes, total_blocks;
    uint64_t smallest, largest;
    uint64_t first_time, last_time; /* clock ticks; of allocations */
    uint32_t node;
    uint32_t reserved[3];
};
_Static_assert(sizeof(struct site) == 128, "two cache lines");

struct sites_first {
    uint32_t site; /* 0 none yet */
    uint32_t owner;
};

struct sites_place {
    uint32_t site;  /* 0 empty */
    uint32_t check; /* of the key's hash, so that few others' sites are looked at */
};

struct sites {
    struct site *sites; /* 0 unused */
    uint32_t count;     /* including number 0 */
    uint32_t room;
    struct sites_first *first; /* by node */
    uint32_t first_room;
    struct sites_place *index; /* hash table of the sites that are not a node's first */
    uint32_t index_size, index_used;
};

void sites_init(struct sites *s);
void sites_release(struct sites *s);

/*
 * Whose a site is, besides its node's: a row of threads.h, an enum domain and a
 * size class in one word.
 */
#define SITES_THREADS_MAX (1u << 20)
#define SITES_DOMAINS_MAX (1u << 6)
#define SITES_CLASSES_MAX (1u << 6)

static inline uint32_t sites_owner(uint32_t thread, uint32_t domain, uint32_t class)
{
    return thread | domain << 20 | class << 26;
}

static inline uint32_t sites_owner_of(const struct site *site)
{
    return sites_owner(site->thread, site->domain, site->class);
}

/* The size classes of a thread's stack lie in one cache line of the index, as far as they fit. */
static inline uint64_t sites_hash(uint32_t node, uint32_t owner)
{
    uint64_t class = owner >> 26, others = owner & ((1u << 26) - 1);
    uint64_t h = ((uint64_t)node << 32 | others) * UINT64_C(0x9e3779b97f4a7c15);

    h ^= h >> 32;
    return (h * UINT64_C(0xd6e8feb86659fd93)) ^ (class << 32 | class);
}

/* Where the search through the index begins; `index_size` is not 0. */
static inline uint32_t sites_index_start(uint64_t hash, uint32_t index_size)
{
    return (uint32_t)(hash >> 32) & (index_size - 1);
}

static inline bool sites_place_holds(const struct sites *s, const struct sites_place *place,
                                     uint64_t hash, uint32_t node, uint32_t owner)
{
    const struct site *site = &s->sites[place->site];

    return place->check == (uint32_t)hash && place->site && site->node == node &&
           sites_owner_of(site) == owner;
}

/*
 * The site, if it is where one is looked for first: 0 is none, and another one's is
 * possible.  Which of two places it is in cannot be foretold where a stack has sites
 * of several size classes: without a branch.  `node` < first_room, index_size not 0.
 */
static inline uint32_t sites_likely(const struct sites *s, uint32_t node, uint32_t owner)
{
    struct sites_first f = s->first[node];
    uint64_t hash = sites_hash(node, owner);
    uint32_t second = s->index[sites_index_start(hash, s->index_size)].site;
    uint32_t mask = -(uint32_t)(f.owner == owner);

    return (f.site & mask) | (second & ~mask);
}

/* sites_get where the site is not at the first place looked at.  0: out of memory. */
uint32_t sites_get_slow(struct sites *s, uint32_t node, uint32_t owner);

/* The site, made if there is none yet.  0: out of memory. */
static inline uint32_t sites_get(struct sites *s, uint32_t node, uint32_t owner)
{
    if (__builtin_expect(node < s->first_room, 1)) {
        uint32_t i = s->index_size                   ? sites_likely(s, node, owner)
                     : s->first[node].owner == owner ? s->first[node].site
                                                     : 0;

        if (__builtin_expect(i && s->sites[i].node == node && sites_owner_of(&s->sites[i]) == owner,
                             1))
            return i;
    }
    return sites_get_slow(s, node, owner);
}

/* Start loading what sites_get will look up.  Inlined by force: see livetable_prefetch. */
__attribute__((always_inline)) static inline void sites_prefetch(const struct sites *s,
                                                                 uint32_t node, uint32_t owner)
{
    if (node < s->first_room)
        __builtin_prefetch(&s->first[node]);
    if (s->index_size)
        __builtin_prefetch(&s->index[sites_index_start(sites_hash(node, owner), s->index_size)]);
}

/* Some time after sites_prefetch: start loading the site, if a first look finds it. */
__attribute__((always_inline)) static inline void sites_prefetch_more(const struct sites *s,
                                                                      uint32_t node, uint32_t owner)
{
    uint32_t i = 0;

    if (node >= s->first_room)
        return;
    if (s->index_size)
        i = sites_likely(s, node, owner);
    else if (s->first[node].owner == owner)
        i = s->first[node].site;
    __builtin_prefetch(&s->sites[i], 1);
    __builtin_prefetch(&s->sites[i].total_bytes, 1);
}

/* All sites keep their numbers, and count nothing any more. */
void sites_clear(struct sites *s);

/* Bytes of memory that the arrays hold. */
uint64_t sites_memory(const struct sites *s);

#endif
