/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of live blocks: address → size and site, 16 bytes a block.
 *
 * Open addressing with linear probing from the start of a cache line, so that
 * most searches end in the line where they began.  Deletion moves following
 * entries back (Knuth, The Art of Computer Programming 3, 6.4, algorithm R), so
 * that there are no tombstones.  The table is cut into shards by the hash, each
 * growing by itself: at no time are more than one shard's old and new arrays
 * there together, and a growth stops the collector for milliseconds at most.
 * Positions are the hash scaled to the shard's capacity (Lemire's reduction),
 * so capacities need not be powers of two, and since the scaling keeps the
 * order of hashes, growing a shard reads and writes memory in order.
 *
 * A block of 4 GiB - 1 and more keeps its size in a side list.
 *
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_LIVETABLE_H
#define MEMPROF_HOST_LIVETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVETABLE_SHARD_BITS 5
#define LIVETABLE_SHARDS (1u << LIVETABLE_SHARD_BITS)

struct livetable_block {
    uint64_t address; /* 48 bits */
    uint64_t size;
    uint32_t site;
    uint16_t birth; /* free for the caller's use */
};

struct livetable_entry {
    uint64_t address_birth; /* address << 16 | birth; 0: empty */
    uint32_t site;
    uint32_t size; /* UINT32_MAX: in the side list */
};

#define LIVETABLE_LINE 4u /* entries in a cache line */

struct livetable_shard {
    struct livetable_entry *entries;
    uint64_t capacity; /* home positions; a few more entries follow for the last ones' overflow */
    uint64_t room;     /* entries, overflow included */
    uint64_t used, limit;
};

struct livetable_big {
    uint64_t address, size;
};

struct livetable {
    struct livetable_shard shards[LIVETABLE_SHARDS];
    struct livetable_big *big;
    uint32_t big_count, big_room;
    uint64_t count; /* live blocks */
};

enum livetable_result {
    LIVETABLE_ADDED = 0,
    LIVETABLE_REPLACED,  /* there was a block at this address; *old is what it was */
    LIVETABLE_NO_MEMORY, /* nothing changed */
};

/* Memory is taken at the first block.  release unmaps everything. */
void livetable_init(struct livetable *t);
void livetable_release(struct livetable *t);

enum livetable_result livetable_put(struct livetable *t, const struct livetable_block *block,
                                    struct livetable_block *old);

/* Remove the block at `address`; false if there is none. */
bool livetable_take(struct livetable *t, uint64_t address, struct livetable_block *block);

/* Look without removing. */
bool livetable_find(const struct livetable *t, uint64_t address, struct livetable_block *block);

/* Bytes of memory that the table holds. */
uint64_t livetable_memory(const struct livetable *t);

/* The finaliser of MurmurHash3: every bit of the address moves every bit of the result. */
static inline uint64_t livetable_hash(uint64_t address)
{
    uint64_t h = address * UINT64_C(0xff51afd7ed558ccd);

    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h;
}

/* Index of the first entry of the line where a block belongs. */
static inline uint64_t livetable_home(const struct livetable_shard *shard, uint64_t hash)
{
    unsigned __int128 scaled = (unsigned __int128)(hash << LIVETABLE_SHARD_BITS) * shard->capacity;

    return (uint64_t)(scaled >> 64) & ~(uint64_t)(LIVETABLE_LINE - 1);
}

/* Where the block at `address` would best lie; NULL while its shard has no memory. */
static inline const struct livetable_entry *livetable_place(const struct livetable *t,
                                                            uint64_t address)
{
    uint64_t hash = livetable_hash(address);
    const struct livetable_shard *shard = &t->shards[hash >> (64 - LIVETABLE_SHARD_BITS)];

    return shard->entries ? shard->entries + livetable_home(shard, hash) : NULL;
}

/*
 * Start loading what a later call for this address will look at.  Inlined by
 * force: GCC takes a function that only prefetches for one without effect and
 * drops the call.
 */
__attribute__((always_inline)) static inline void livetable_prefetch(const struct livetable *t,
                                                                     uint64_t address)
{
    __builtin_prefetch(livetable_place(t, address), 1);
}

/*
 * Some time after livetable_prefetch: a full line sends the search, or the
 * closing of a gap, on to the next one, which is started loading.  Returns a
 * guess at the site of the block at `address`, 0 if it is not in its first line.
 */
__attribute__((always_inline)) static inline uint32_t
livetable_prefetch_more(const struct livetable *t, uint64_t address)
{
    const struct livetable_entry *e = livetable_place(t, address);

    if (!e)
        return 0;
    if (e[LIVETABLE_LINE - 1].address_birth)
        __builtin_prefetch(e + LIVETABLE_LINE, 1);
    for (size_t i = 0; i < LIVETABLE_LINE; i++)
        if (e[i].address_birth >> 16 == address)
            return e[i].site;
    return 0;
}

#endif
