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
 * order of hashes, growing a shard reads and writes memory in order.  A shard of which
 * a sixteenth is left becomes smaller: who goes through all live blocks reads all of it.
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
#define LIVETABLE_LINE 4u /* entries in a cache line */

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

struct livetable_shard {
    struct livetable_entry *entries;
    uint64_t capacity; /* home positions; a few more entries follow for the last ones' overflow */
    uint64_t room;     /* entries, overflow included */
    uint64_t used, limit;
    uint64_t low; /* fewer than these lie in a smaller array */
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

/* Every block's birth becomes half of what it was. */
void livetable_halve_births(struct livetable *t);

/* Look without removing. */
bool livetable_find(const struct livetable *t, uint64_t address, struct livetable_block *block);

/*
 * Room for so many blocks, in a table without any.  Blocks that are put in the order in which
 * livetable_next gives them would otherwise crowd a table that is too small for them all.
 */
void livetable_reserve(struct livetable *t, uint64_t blocks);

/* Each block in turn, in no order, from a position of {0} on; false at the end. */
struct livetable_position {
    uint64_t entry;
    uint32_t shard;
};
bool livetable_next(const struct livetable *t, struct livetable_position *at,
                    struct livetable_block *block);

/*
 * Add a block; `hash` is that of its address.  And remove the block at
 * `address`; false if there is none.
 */
static inline enum livetable_result livetable_put(struct livetable *t, uint64_t hash,
                                                  const struct livetable_block *block,
                                                  struct livetable_block *old);
static inline bool livetable_take(struct livetable *t, uint64_t hash, uint64_t address,
                                  struct livetable_block *block);

/* ------------------------------------------------ how the common case goes -- */

/* Index of the first entry of the line where a block belongs. */
static inline uint64_t livetable_home(const struct livetable_shard *shard, uint64_t hash)
{
    unsigned __int128 scaled = (unsigned __int128)(hash << LIVETABLE_SHARD_BITS) * shard->capacity;

    return (uint64_t)(scaled >> 64) & ~(uint64_t)(LIVETABLE_LINE - 1);
}

static inline struct livetable_shard *livetable_shard(struct livetable *t, uint64_t hash)
{
    return &t->shards[hash >> (64 - LIVETABLE_SHARD_BITS)];
}

/*
 * What a line holds, found without a branch that could be mispredicted.  The
 * entries in use are always the first ones of a line.
 */
struct livetable_line {
    struct livetable_entry *entries;
    uint32_t used;
    uint32_t match; /* index of the address asked for, if `found` */
    bool found;
};

static inline struct livetable_line livetable_look(struct livetable_entry *e, uint64_t address)
{
    bool m0 = e[0].address_birth >> 16 == address, m1 = e[1].address_birth >> 16 == address;
    bool m2 = e[2].address_birth >> 16 == address, m3 = e[3].address_birth >> 16 == address;

    _Static_assert(LIVETABLE_LINE == 4, "four entries are looked at");
    return (struct livetable_line){
        .entries = e,
        .used = (uint32_t)(e[0].address_birth != 0) + (e[1].address_birth != 0) +
                (e[2].address_birth != 0) + (e[3].address_birth != 0),
        .match = (uint32_t)m1 + 2 * (uint32_t)m2 + 3 * (uint32_t)m3,
        .found = m0 | m1 | m2 | m3,
    };
}

/* Of a shard with few blocks left: its array becomes smaller, if there is memory for that. */
void livetable_shrink(struct livetable_shard *shard);

/* Every case. */
enum livetable_result livetable_put_slowly(struct livetable *t, uint64_t hash,
                                           const struct livetable_block *block,
                                           struct livetable_block *old);
bool livetable_take_slowly(struct livetable *t, uint64_t hash, uint64_t address,
                           struct livetable_block *block);

/* An address that is not there, a line with room, a usual size. */
static inline enum livetable_result livetable_put(struct livetable *t, uint64_t hash,
                                                  const struct livetable_block *block,
                                                  struct livetable_block *old)
{
    struct livetable_shard *shard = livetable_shard(t, hash);
    struct livetable_line line;

    if (__builtin_expect(shard->used >= shard->limit || block->size >= UINT32_MAX, 0))
        return livetable_put_slowly(t, hash, block, old);
    line = livetable_look(shard->entries + livetable_home(shard, hash), block->address);
    if (__builtin_expect(line.found || line.used == LIVETABLE_LINE, 0))
        return livetable_put_slowly(t, hash, block, old);
    line.entries[line.used].address_birth = block->address << 16 | block->birth;
    line.entries[line.used].site = block->site;
    line.entries[line.used].size = (uint32_t)block->size;
    shard->used++;
    t->count++;
    return LIVETABLE_ADDED;
}

/* Whether the address is surely not there; false also where that would take a longer search. */
static inline bool livetable_lacks(struct livetable *t, uint64_t hash, uint64_t address)
{
    struct livetable_shard *shard = livetable_shard(t, hash);
    struct livetable_line line;

    if (__builtin_expect(!shard->entries, 0))
        return true;
    line = livetable_look(shard->entries + livetable_home(shard, hash), address);
    return !line.found && line.used < LIVETABLE_LINE;
}

/* A block in its own line, which is not full, so that nothing lies behind it, and a usual size. */
static inline bool livetable_take(struct livetable *t, uint64_t hash, uint64_t address,
                                  struct livetable_block *block)
{
    struct livetable_shard *shard = livetable_shard(t, hash);
    struct livetable_entry entry;
    struct livetable_line line;

    if (__builtin_expect(!shard->entries || !address, 0))
        return false;
    line = livetable_look(shard->entries + livetable_home(shard, hash), address);
    if (__builtin_expect(!line.found || line.used == LIVETABLE_LINE, 0))
        return livetable_take_slowly(t, hash, address, block);
    entry = line.entries[line.match];
    if (__builtin_expect(entry.size == UINT32_MAX, 0))
        return livetable_take_slowly(t, hash, address, block);
    block->address = address;
    block->birth = (uint16_t)entry.address_birth;
    block->site = entry.site;
    block->size = entry.size;
    line.entries[line.match] = line.entries[line.used - 1];
    line.entries[line.used - 1].address_birth = 0;
    shard->used--;
    t->count--;
    if (__builtin_expect(shard->used < shard->low, 0))
        livetable_shrink(shard);
    return true;
}

/* ---------------------------------------------------------- prefetching -- */

/*
 * Start loading what a later call for this hash will look at.  Inlined by
 * force: GCC takes a function that only prefetches for one without effect and
 * drops the call.
 */
__attribute__((always_inline)) static inline void livetable_prefetch(const struct livetable *t,
                                                                     uint64_t hash)
{
    const struct livetable_shard *shard = livetable_shard((struct livetable *)t, hash);

    /* by integers: an empty shard has no entries to point at, and prefetching nowhere is no harm */
    __builtin_prefetch((const void *)((uintptr_t)shard->entries +
                                      livetable_home(shard, hash) * sizeof(*shard->entries)),
                       1);
}

/*
 * Some time after livetable_prefetch: a full line sends the search, or the
 * closing of a gap, on to the next one, which is started loading.  Returns a
 * guess at the site of the block at `address`, 0 if it is not in its first line.
 */
__attribute__((always_inline)) static inline uint32_t
livetable_prefetch_more(const struct livetable *t, uint64_t hash, uint64_t address)
{
    const struct livetable_shard *shard = livetable_shard((struct livetable *)t, hash);
    struct livetable_line line;

    if (__builtin_expect(!shard->entries, 0))
        return 0;
    line = livetable_look(shard->entries + livetable_home(shard, hash), address);
    /* without branches, which could not be predicted: a line with room asks for itself again */
    __builtin_prefetch(line.entries + line.used, 1);
    return line.entries[line.match].site & -(uint32_t)line.found;
}

#endif
