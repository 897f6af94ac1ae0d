/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites: what one thread allocates in one domain and one size class through one
 * stack, and the numbers of each.  Site numbers are dense and begin at 1; 0 means
 * none.
 *
 * A dense array gives the first site of a stack node and whose it is, or, once
 * there are several size classes, the table of these sites by class: the sites of
 * the thread and domain that came first are found without a comparison that could
 * be mispredicted.  Those of further threads and domains on the same node are found
 * through a hash table.
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

/*
 * Whose a site is, besides its node's: a row of threads.h, an enum domain and a
 * size class in one word.
 */
#define SITES_THREADS_MAX (1u << 20)
#define SITES_DOMAINS_MAX (1u << 6)
#define SITES_CLASSES_MAX (1u << 6)

#define SITES_CLASS_SHIFT 26

static inline uint32_t sites_owner(uint32_t thread, uint32_t domain, uint32_t class)
{
    return thread | domain << 20 | class << SITES_CLASS_SHIFT;
}

static inline uint32_t sites_owner_class(uint32_t owner)
{
    return owner >> SITES_CLASS_SHIFT;
}

static inline uint32_t sites_owner_classless(uint32_t owner)
{
    return owner & ((1u << SITES_CLASS_SHIFT) - 1);
}

/* The sites of one stack, thread and domain, by size class; 0 none yet. */
struct sites_family {
    uint32_t sites[SITES_CLASSES_MAX];
};

struct sites_first {
    uint32_t site;  /* 0 none yet; SITES_FAMILY | index of the family */
    uint32_t owner; /* of a family: without the class */
};
#define SITES_FAMILY (1u << 31)

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
    struct sites_family *families;
    uint32_t family_count, family_room;
    struct sites_place *index; /* hash table of the sites of a node's other threads and domains */
    uint32_t index_size, index_used;
};

void sites_init(struct sites *s);
void sites_release(struct sites *s);

static inline uint32_t sites_owner_of(const struct site *site)
{
    return sites_owner(site->thread, site->domain, site->class);
}

/* The size classes of a thread's stack lie in one cache line of the index, as far as they fit. */
static inline uint64_t sites_hash(uint32_t node, uint32_t owner)
{
    uint64_t class = sites_owner_class(owner), others = sites_owner_classless(owner);
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

/* The site that the dense array leads to, 0 if it leads to none. */
static inline uint32_t sites_direct(const struct sites *s, struct sites_first f, uint32_t owner)
{
    if (f.site & SITES_FAMILY)
        return f.owner == sites_owner_classless(owner)
                   ? s->families[f.site & ~SITES_FAMILY].sites[sites_owner_class(owner)]
                   : 0;
    return f.owner == owner ? f.site : 0;
}

/* sites_get where the dense array does not lead to the site.  0: out of memory. */
uint32_t sites_get_slow(struct sites *s, uint32_t node, uint32_t owner);

/* The site, made if there is none yet.  0: out of memory. */
static inline uint32_t sites_get(struct sites *s, uint32_t node, uint32_t owner)
{
    if (__builtin_expect(node < s->first_room, 1)) {
        uint32_t i = sites_direct(s, s->first[node], owner);

        if (__builtin_expect(i, 1))
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
    uint32_t i;

    if (node >= s->first_room)
        return;
    i = sites_direct(s, s->first[node], owner);
    if (!i && s->index_size)
        i = s->index[sites_index_start(sites_hash(node, owner), s->index_size)].site;
    __builtin_prefetch(&s->sites[i], 1);
    __builtin_prefetch(&s->sites[i].total_bytes, 1);
}

/* All sites keep their numbers, and count nothing any more. */
void sites_clear(struct sites *s);

#endif
