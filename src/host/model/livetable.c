/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/livetable.h"

#include "src/host/memory/pages.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 256u   /* one page a shard */
#define OVERFLOW_ENTRIES 32u /* after the last home position */
#define HUGE_FROM_BYTES ((uint64_t)32 << 20)
#define SIZE_IS_BIG UINT32_MAX
#define SHRINK_FROM 1024u /* entries of a shard; smaller ones stay */
#define SHRINK_AT 16u     /* of its room: the part that is left, */
#define SHRINK_BY 4u      /* and by how much it becomes smaller */

void livetable_init(struct livetable *t)
{
    memset(t, 0, sizeof(*t));
}

void livetable_release(struct livetable *t)
{
    for (size_t i = 0; i < LIVETABLE_SHARDS; i++)
        pages_unmap(t->shards[i].entries, t->shards[i].room * sizeof(struct livetable_entry));
    free(t->big);
    livetable_init(t);
}

uint64_t livetable_memory(const struct livetable *t)
{
    uint64_t bytes = t->big_room * sizeof(*t->big);

    for (size_t i = 0; i < LIVETABLE_SHARDS; i++)
        bytes += t->shards[i].room * sizeof(struct livetable_entry);
    return bytes;
}

static uint64_t entry_address(const struct livetable_entry *e)
{
    return e->address_birth >> 16;
}

/* ------------------------------------------------------------- growing -- */

/* Whole pages, huge ones once that is not wasteful. */
static uint64_t room_for(uint64_t bytes)
{
    if (bytes >= HUGE_FROM_BYTES)
        bytes = (bytes + PAGES_HUGE - 1) & ~(uint64_t)(PAGES_HUGE - 1);
    else
        bytes = (bytes + 4095) & ~UINT64_C(4095);
    return bytes / sizeof(struct livetable_entry);
}

/* While tables are small, growing seldom matters more than a tight fit. */
#define DOUBLE_BELOW_BYTES (512u << 10)

/*
 * A third more.  Shards have equally many entries:
 * the last doubling is another one for each, so that they do not all have grown just before.
 */
static uint64_t room_after(uint64_t room, uint32_t shard)
{
    uint64_t bytes = room * sizeof(struct livetable_entry);

    if (room == 0)
        return FIRST_ENTRIES;
    if (bytes >= DOUBLE_BELOW_BYTES)
        bytes += bytes / 3;
    else if (bytes * 2 >= DOUBLE_BELOW_BYTES)
        bytes = bytes * 2 + bytes * 2 * shard / (LIVETABLE_SHARDS * 3);
    else
        bytes *= 2;
    return room_for(bytes);
}

static bool shard_allocate(struct livetable_shard *shard, uint64_t room)
{
    shard->entries = pages_map_part(room * sizeof(struct livetable_entry));
    shard->room = room;
    shard->capacity = room - OVERFLOW_ENTRIES;
    /* Three quarters: beyond that, probing for an absent address gets long. */
    shard->limit = shard->capacity - shard->capacity / 4;
    shard->used = 0;
    shard->low = room >= SHRINK_FROM ? room / SHRINK_AT : 0;
    if (shard->entries)
        pages_touch(shard->entries, room * sizeof(struct livetable_entry));
    return shard->entries != NULL;
}

/* Copy an entry known to be absent; false if it would run over the end. */
static bool shard_copy(struct livetable_shard *shard, const struct livetable_entry *e)
{
    uint64_t i = livetable_home(shard, livetable_hash(entry_address(e)));

    while (i < shard->room && shard->entries[i].address_birth)
        i++;
    if (i == shard->room)
        return false;
    shard->entries[i] = *e;
    shard->used++;
    return true;
}

static bool shard_copy_all(struct livetable_shard *to, const struct livetable_shard *from)
{
    for (uint64_t i = 0; i < from->room; i++)
        if (from->entries[i].address_birth && !shard_copy(to, &from->entries[i]))
            return false;
    return true;
}

static bool shard_grow(struct livetable *t, struct livetable_shard *shard)
{
    struct livetable_shard grown;
    uint64_t room = shard->room;

    do {
        room = room_after(room, (uint32_t)(shard - t->shards));
        if (!shard_allocate(&grown, room))
            return false;
        if (shard_copy_all(&grown, shard))
            break;
        pages_unmap(grown.entries, grown.room * sizeof(struct livetable_entry));
    } while (true);
    pages_unmap(shard->entries, shard->room * sizeof(struct livetable_entry));
    *shard = grown;
    return true;
}

void livetable_shrink(struct livetable_shard *shard)
{
    struct livetable_shard smaller;

    shard->low = 0; /* or it would be tried at each free where it cannot be done */
    if (!shard_allocate(&smaller, room_for(shard->room / SHRINK_BY * sizeof(*shard->entries))))
        return;
    if (!shard_copy_all(&smaller, shard)) {
        pages_unmap(smaller.entries, smaller.room * sizeof(*smaller.entries));
        return;
    }
    pages_unmap(shard->entries, shard->room * sizeof(*shard->entries));
    *shard = smaller;
}

void livetable_reserve(struct livetable *t, uint64_t blocks)
{
    uint64_t each = blocks / LIVETABLE_SHARDS, room;

    /* an eighth more than the load's limit asks for: shards are not equally full */
    room = room_for((each + each / 2 + OVERFLOW_ENTRIES) * sizeof(struct livetable_entry));
    for (size_t i = 0; room > FIRST_ENTRIES && i < LIVETABLE_SHARDS; i++)
        if (!t->shards[i].entries && !shard_allocate(&t->shards[i], room))
            t->shards[i] = (struct livetable_shard){0};
}

/* ----------------------------------------------------------- big sizes -- */

static bool big_add(struct livetable *t, uint64_t address, uint64_t size)
{
    if (t->big_count == t->big_room) {
        uint32_t room = t->big_room ? t->big_room * 2 : 16;
        struct livetable_big *big = realloc(t->big, room * sizeof(*big));

        if (!big)
            return false;
        t->big = big;
        t->big_room = room;
    }
    t->big[t->big_count++] = (struct livetable_big){.address = address, .size = size};
    return true;
}

static uint32_t big_index(const struct livetable *t, uint64_t address)
{
    uint32_t i = 0;

    while (i < t->big_count && t->big[i].address != address)
        i++;
    return i;
}

static uint64_t big_size(const struct livetable *t, uint64_t address)
{
    uint32_t i = big_index(t, address);

    return i < t->big_count ? t->big[i].size : SIZE_IS_BIG;
}

static void big_remove(struct livetable *t, uint64_t address)
{
    uint32_t i = big_index(t, address);

    if (i < t->big_count)
        t->big[i] = t->big[--t->big_count];
}

/* ------------------------------------------------------------- entries -- */

static void entry_read(const struct livetable *t, const struct livetable_entry *e,
                       struct livetable_block *block)
{
    block->address = entry_address(e);
    block->birth = (uint16_t)e->address_birth;
    block->site = e->site;
    block->size = e->size;
    if (__builtin_expect(e->size == SIZE_IS_BIG, 0))
        block->size = big_size(t, block->address);
}

static void entry_write(struct livetable_entry *e, const struct livetable_block *block)
{
    e->address_birth = block->address << 16 | block->birth;
    e->site = block->site;
    e->size = block->size < SIZE_IS_BIG ? (uint32_t)block->size : SIZE_IS_BIG;
}

/* The entry of `address`, else the empty one that ends the search; NULL at the shard's end. */
static struct livetable_entry *shard_seek(const struct livetable_shard *shard, uint64_t hash,
                                          uint64_t address)
{
    struct livetable_entry *e = shard->entries + livetable_home(shard, hash);
    struct livetable_entry *end = shard->entries + shard->room;

    for (; e < end; e++)
        if (entry_address(e) == address || !e->address_birth)
            return e;
    return NULL;
}

static bool replace(struct livetable *t, struct livetable_entry *e,
                    const struct livetable_block *block, struct livetable_block *old)
{
    entry_read(t, e, old);
    if (block->size >= SIZE_IS_BIG && !big_add(t, block->address, block->size))
        return false;
    if (e->size == SIZE_IS_BIG)
        big_remove(t, block->address); /* finds the older of the two */
    entry_write(e, block);
    return true;
}

enum livetable_result livetable_put_slowly(struct livetable *t, uint64_t hash,
                                           const struct livetable_block *block,
                                           struct livetable_block *old)
{
    struct livetable_shard *shard = livetable_shard(t, hash);
    struct livetable_entry *e = NULL;

    /* A shard that cannot grow is still good for what room it has. */
    if (__builtin_expect(shard->used >= shard->limit, 0) && !shard_grow(t, shard) &&
        !shard->entries)
        return LIVETABLE_NO_MEMORY;
    e = shard_seek(shard, hash, block->address);
    while (__builtin_expect(!e, 0)) {
        if (!shard_grow(t, shard))
            return LIVETABLE_NO_MEMORY;
        e = shard_seek(shard, hash, block->address);
    }
    if (__builtin_expect(e->address_birth != 0, 0))
        return replace(t, e, block, old) ? LIVETABLE_REPLACED : LIVETABLE_NO_MEMORY;
    if (__builtin_expect(block->size >= SIZE_IS_BIG, 0) && !big_add(t, block->address, block->size))
        return LIVETABLE_NO_MEMORY;
    entry_write(e, block);
    shard->used++;
    t->count++;
    return LIVETABLE_ADDED;
}

static struct livetable_entry *find(const struct livetable_shard *shard, uint64_t hash,
                                    uint64_t address)
{
    struct livetable_entry *e = NULL;

    if (shard->entries && address)
        e = shard_seek(shard, hash, address);
    return e && e->address_birth ? e : NULL;
}

bool livetable_find(const struct livetable *t, uint64_t address, struct livetable_block *block)
{
    uint64_t hash = livetable_hash(address);
    const struct livetable_entry *e =
        find(livetable_shard((struct livetable *)t, hash), hash, address);

    if (e)
        entry_read(t, e, block);
    return e != NULL;
}

bool livetable_next(const struct livetable *t, struct livetable_position *at,
                    struct livetable_block *block)
{
    for (; at->shard < LIVETABLE_SHARDS; at->shard++, at->entry = 0) {
        const struct livetable_shard *shard = &t->shards[at->shard];

        while (shard->entries && at->entry < shard->room) {
            const struct livetable_entry *e = &shard->entries[at->entry++];

            if (!e->address_birth)
                continue;
            entry_read(t, e, block);
            return true;
        }
    }
    return false;
}

void livetable_halve_births(struct livetable *t)
{
    for (uint32_t i = 0; i < LIVETABLE_SHARDS; i++) {
        struct livetable_shard *shard = &t->shards[i];

        for (uint64_t k = 0; shard->entries && k < shard->room; k++) {
            uint64_t word = shard->entries[k].address_birth;

            shard->entries[k].address_birth = (word & ~UINT64_C(0xffff)) | (word & 0xffff) / 2;
        }
    }
}

/* The last entry in use of the line that `e`, itself in use, lies in. */
static struct livetable_entry *line_last(const struct livetable_shard *shard,
                                         struct livetable_entry *e)
{
    struct livetable_entry *end;

    end = shard->entries + (((size_t)(e - shard->entries) | (LIVETABLE_LINE - 1)) + 1);
    while (e + 1 < end && e[1].address_birth)
        e++;
    return e;
}

/*
 * Empty `hole`, moving back the entries that its being full had displaced.
 * Within a line every later entry may move up, so one move closes the gap; only
 * when the line was full may the lines behind it hold more that belongs here.
 */
static void shard_remove(struct livetable_shard *shard, struct livetable_entry *hole)
{
    struct livetable_entry *end = shard->entries + shard->room;
    struct livetable_entry *last = line_last(shard, hole);

    *hole = *last;
    hole = last;
    for (struct livetable_entry *e = hole + 1; e < end && e->address_birth; e++) {
        uint64_t home = livetable_home(shard, livetable_hash(entry_address(e)));

        if (shard->entries + home <= hole) {
            *hole = *e;
            hole = e;
        }
    }
    hole->address_birth = 0;
    shard->used--;
}

bool livetable_take_slowly(struct livetable *t, uint64_t hash, uint64_t address,
                           struct livetable_block *block)
{
    struct livetable_shard *shard = livetable_shard(t, hash);
    struct livetable_entry *e = find(shard, hash, address);

    if (!e)
        return false;
    entry_read(t, e, block);
    if (e->size == SIZE_IS_BIG)
        big_remove(t, address);
    shard_remove(shard, e);
    t->count--;
    if (shard->used < shard->low)
        livetable_shrink(shard);
    return true;
}
