// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakgraph.h"

#include "src/host/graph/leakgraph-scan.h"
#include "src/host/memory/pages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RADIX_BITS 11u
#define RADIX (1u << RADIX_BITS)

void leakgraph_options_init(struct leakgraph_options *o)
{
    *o = (struct leakgraph_options){.heuristics = LEAKGRAPH_HEURISTICS, .step = 8};
}

void leakgraph_init(struct leakgraph *g, const struct leakgraph_reader *reader,
                    const struct leakgraph_options *options)
{
    const struct leakgraph_options *o = options;

    *g = (struct leakgraph){.reader = *reader, .options = *o};
    g->plain = o->step == 8 && !o->low_tags && !o->past_end && !o->high_tags && !o->compressed;
}

/* ----------------------------------------------------------------- memory -- */

static void count_memory(struct leakgraph *g, uint64_t bytes)
{
    g->memory += bytes;
    if (g->memory_peak < g->memory)
        g->memory_peak = g->memory;
}

/*
 * Nearly every look at a large array is at a random place: with small pages
 * it misses the TLB as well, and half the search's time went there.
 */
static void use_huge_pages(void *array, uint64_t bytes)
{
    uintptr_t start = ((uintptr_t)array + 4095) & ~(uintptr_t)4095;

    if (bytes >= PAGES_HUGE_FROM)
        (void)madvise((void *)start, (bytes - 4096) & ~UINT64_C(4095), MADV_HUGEPAGE);
}

void *leakgraph_array(struct leakgraph *g, uint64_t count, size_t size, struct error *e)
{
    void *array = calloc(count ? count : 1, size);

    if (array) {
        count_memory(g, count * size);
        use_huge_pages(array, count * size);
    } else {
        error_set(e, ERROR_MEMORY, "out of memory while searching %u blocks for leaks", g->count);
    }
    return array;
}

void leakgraph_array_free(struct leakgraph *g, void *array, uint64_t count, size_t size)
{
    if (array)
        g->memory -= count * size;
    free(array);
}

void leakgraph_memory(const struct leakgraph *g, uint64_t *now, uint64_t *peak)
{
    *now = g->memory;
    *peak = g->memory_peak;
}

void leakgraph_release(struct leakgraph *g)
{
    if (g->adopted)
        pages_unmap(g->blocks, g->room * sizeof *g->blocks);
    else
        free(g->blocks);
    free(g->kinds);
    free(g->holders);
    free(g->big);
    free(g->roots);
    free(g->weak);
    free(g->holes);
    free(g->slots);
    free(g->slot_hash);
    free(g->table);
    free(g->plain_starts);
    leakgraph_forget_hits(g);
    free(g->lost);
    free(g->cycles);
    free(g->cycle_blocks);
    free(g->linked);
    free(g->linked_bits);
    free(g->linked_before);
    free(g->owner);
    free(g->dominator);
    free(g->retained);
    *g = (struct leakgraph){0};
}

/* Room for one more in an array of `size` byte members.  0 or -1. */
static int grow(struct leakgraph *g, void **array, uint32_t count, uint32_t *room, size_t size,
                struct error *e)
{
    uint32_t more = *room < 16 ? 16 : *room < UINT32_MAX / 2 ? *room * 2 : UINT32_MAX;
    void *larger;

    if (count < *room)
        return 0;
    larger = more > count ? realloc(*array, more * size) : NULL;
    if (!larger)
        return error_set(e, ERROR_MEMORY, "out of memory while searching for leaks");
    count_memory(g, (uint64_t)(more - *room) * size);
    *array = larger;
    *room = more;
    return 0;
}

/* ---------------------------------------------------------------- filling -- */

static int set_room(struct leakgraph *g, uint64_t room, struct error *e)
{
    struct leakgraph_block *moved = realloc(g->blocks, room * sizeof *moved);

    if (!moved)
        return error_set(e, ERROR_MEMORY,
                         "out of memory: %" PRIu64 " bytes for the search for leaks",
                         room * sizeof *moved);
    g->memory -= g->room * sizeof *moved;
    count_memory(g, room * sizeof *moved);
    use_huge_pages(moved, room * sizeof *moved);
    g->blocks = moved;
    g->room = (uint32_t)room;
    return 0;
}

/* One more than asked for: the sentinel of leakgraph_seal. */
int leakgraph_reserve(struct leakgraph *g, uint32_t count, struct error *e)
{
    uint64_t room = (uint64_t)count + 1;

    if (count > LEAKGRAPH_BLOCKS_MAX)
        return error_set(e, ERROR_REFUSED, "more than %u live blocks cannot be searched",
                         LEAKGRAPH_BLOCKS_MAX);
    return room <= g->room ? 0 : set_room(g, room, e);
}

void leakgraph_use_words(struct leakgraph *g, struct keptwords *words)
{
    g->words = words;
}

void leakgraph_adopt(struct leakgraph *g, struct leakgraph_block *blocks, uint64_t room,
                     uint32_t count)
{
    g->blocks = blocks;
    g->room = (uint32_t)room;
    g->count = count;
    g->adopted = true;
    count_memory(g, room * sizeof *blocks);
}

int leakgraph_big(struct leakgraph *g, uint64_t address, uint64_t size, struct error *e)
{
    if (address >= LEAKGRAPH_END)
        return 0;
    if (size >= LEAKGRAPH_END - address)
        size = LEAKGRAPH_END - address - 1;
    if (grow(g, (void **)&g->big, g->big_count, &g->big_room, sizeof *g->big, e) != 0)
        return -1;
    g->big[g->big_count++] = (struct leakgraph_big){address, size};
    return 0;
}

int leakgraph_add_block(struct leakgraph *g, uint64_t address, uint64_t size, struct error *e)
{
    if (address >= LEAKGRAPH_END) {
        g->overlapping_blocks++;
        return 0;
    }
    if (g->count + 1 >= g->room) {
        uint64_t more = g->room < 1024 ? 1024 : (uint64_t)g->room + g->room / 2;

        if (more > LEAKGRAPH_BLOCKS_MAX)
            more = g->count < LEAKGRAPH_BLOCKS_MAX ? LEAKGRAPH_BLOCKS_MAX : UINT32_MAX;
        if (leakgraph_reserve(g, (uint32_t)more, e) != 0)
            return -1;
    }
    if (size >= LEAKGRAPH_END - address) /* which is the sentinel's */
        size = LEAKGRAPH_END - address - 1;
    if (size >= UINT32_MAX && leakgraph_big(g, address, size, e) != 0)
        return -1;
    g->blocks[g->count++] = (struct leakgraph_block){
        .address = address, .size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX};
    return 0;
}

int leakgraph_add_root(struct leakgraph *g, enum leakgraph_root_kind kind, uint32_t tag,
                       uint64_t start, uint64_t size, struct error *e)
{
    if (size == 0)
        return 0;
    if (grow(g, (void **)&g->roots, g->root_count, &g->root_room, sizeof *g->roots, e) != 0)
        return -1;
    if (size > UINT64_MAX - start)
        size = UINT64_MAX - start;
    g->roots[g->root_count++] = (struct leakgraph_root){start, size, tag, kind};
    return 0;
}

int leakgraph_add_value(struct leakgraph *g, enum leakgraph_root_kind kind, uint32_t tag,
                        uint64_t value, struct error *e)
{
    if (grow(g, (void **)&g->roots, g->root_count, &g->root_room, sizeof *g->roots, e) != 0)
        return -1;
    g->roots[g->root_count++] = (struct leakgraph_root){value, 0, tag, kind};
    return 0;
}

int leakgraph_add_weak(struct leakgraph *g, uint32_t tag, uint64_t start, uint64_t size,
                       struct error *e)
{
    if (size == 0)
        return 0;
    if (g->weak_count == UINT16_MAX)
        return error_set(e, ERROR_INPUT, "more than %u weak regions", UINT16_MAX);
    if (grow(g, (void **)&g->weak, g->weak_count, &g->weak_room, sizeof *g->weak, e) != 0)
        return -1;
    if (size > UINT64_MAX - start)
        size = UINT64_MAX - start;
    g->weak[g->weak_count++] = (struct leakgraph_root){start, size, tag, ROOT_WEAK};
    return 0;
}

/* ---------------------------------------------------------------- sorting -- */

static bool is_sorted(const struct leakgraph *g)
{
    for (uint32_t i = 1; i < g->count; i++)
        if (g->blocks[i - 1].address > g->blocks[i].address)
            return false;
    return true;
}

/* One stable pass over the bits from `shift` on. */
static void radix_pass(const struct leakgraph_block *from, struct leakgraph_block *to,
                       uint32_t count, unsigned shift, uint32_t starts[RADIX])
{
    uint32_t sum = 0;

    memset(starts, 0, RADIX * sizeof *starts);
    for (uint32_t i = 0; i < count; i++)
        starts[(from[i].address >> shift) & (RADIX - 1)]++;
    for (uint32_t i = 0; i < RADIX; i++) {
        uint32_t here = starts[i];

        starts[i] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count; i++)
        to[starts[(from[i].address >> shift) & (RADIX - 1)]++] = from[i];
}

/* Bits in which no two addresses differ need no pass. */
static uint64_t differing_bits(const struct leakgraph *g)
{
    uint64_t bits = 0;

    for (uint32_t i = 1; i < g->count; i++)
        bits |= g->blocks[i].address ^ g->blocks[0].address;
    return bits;
}

static int sort_blocks(struct leakgraph *g, struct error *e)
{
    uint64_t differ = differing_bits(g);
    struct leakgraph_block *other;
    uint32_t starts[RADIX];

    if (is_sorted(g))
        return 0;
    other = leakgraph_array(g, g->room, sizeof *other, e);
    if (!other)
        return -1;
    for (unsigned shift = (unsigned)__builtin_ctzll(differ); shift < 64; shift += RADIX_BITS) {
        struct leakgraph_block *swap = g->blocks;

        if (!(differ >> shift & (RADIX - 1)))
            continue;
        radix_pass(g->blocks, other, g->count, shift, starts);
        g->blocks = other;
        other = swap;
    }
    leakgraph_array_free(g, other, g->room, sizeof *other);
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const struct leakgraph_big *left = a, *right = b;

    if (left->address != right->address)
        return left->address < right->address ? -1 : 1;
    return left->size < right->size ? 1 : left->size > right->size ? -1 : 0;
}

uint32_t leakgraph_big_place(const struct leakgraph *g, uint64_t address)
{
    uint32_t low = 0, high = g->big_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (g->big[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t leakgraph_big_size(const struct leakgraph *g, uint64_t address)
{
    uint32_t i = leakgraph_big_place(g, address);

    return i < g->big_count && g->big[i].address == address ? g->big[i].size : UINT32_MAX;
}

uint64_t leakgraph_size(const struct leakgraph *g, uint32_t block)
{
    return leakgraph_block_size(g, &g->blocks[block]);
}

/* A block that runs into the next one ends there. */
static void cut(struct leakgraph *g, struct leakgraph_block *b, uint64_t next)
{
    uint64_t size = leakgraph_block_size(g, b), room = next - b->address;

    if (size <= room)
        return;
    g->overlapping_blocks++;
    if (room < UINT32_MAX) {
        b->size = (uint32_t)room;
        return;
    }
    for (uint32_t i = 0; i < g->big_count; i++)
        if (g->big[i].address == b->address)
            g->big[i].size = room;
}

/* Of blocks at one address the largest stays. */
static void drop_repeated(struct leakgraph *g)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < g->count; i++) {
        struct leakgraph_block b = g->blocks[i];

        if (kept && g->blocks[kept - 1].address == b.address) {
            g->repeated_blocks++;
            if (b.size > g->blocks[kept - 1].size)
                g->blocks[kept - 1] = b;
            continue;
        }
        g->blocks[kept++] = b;
    }
    g->count = kept;
}

/* What lies in the heap's range is sought, until something less is. */
static void find_range(struct leakgraph *g)
{
    const struct leakgraph_block *last = g->count ? &g->blocks[g->count - 1] : NULL;

    if (last) {
        g->low = g->blocks[0].address;
        /* one past the end, and the low tags of a block of no size */
        g->span = last->address + leakgraph_block_size(g, last) - g->low;
        g->span += g->low + g->span < LEAKGRAPH_END - 8 ? 8 : 0;
    }
    g->sought = g->low;
    g->sought_span = g->span;
}

/* The weak regions' ranges, ascending and merged. */
static int make_holes(struct leakgraph *g, struct error *e)
{
    uint32_t kept = 0;

    g->holes = leakgraph_array(g, g->weak_count, sizeof *g->holes, e);
    if (!g->holes)
        return -1;
    for (uint32_t i = 0; i < g->weak_count; i++)
        g->holes[i] = (struct leakgraph_big){g->weak[i].start, g->weak[i].size};
    qsort(g->holes, g->weak_count, sizeof *g->holes, by_address);
    for (uint32_t i = 0; i < g->weak_count; i++) {
        struct leakgraph_big *last = kept ? &g->holes[kept - 1] : NULL, hole = g->holes[i];

        if (last && hole.address <= last->address + last->size) {
            if (last->address + last->size < hole.address + hole.size)
                last->size = hole.address + hole.size - last->address;
        } else {
            g->holes[kept++] = hole;
        }
    }
    g->hole_count = kept;
    return 0;
}

/* Those that were added end before the sentinel; those that were adopted may be a damaged record's.
 */
static void end_before_sentinel(struct leakgraph *g)
{
    if (g->count && g->blocks[g->count - 1].address == LEAKGRAPH_END) {
        g->count--;
        g->overlapping_blocks++;
    }
    if (g->count)
        cut(g, &g->blocks[g->count - 1], LEAKGRAPH_END - 1);
    g->blocks[g->count] = (struct leakgraph_block){.address = LEAKGRAPH_END};
}

int leakgraph_seal(struct leakgraph *g, struct error *e)
{
    if (!g->adopted) {
        if (set_room(g, (uint64_t)g->count + 1, e) != 0 || sort_blocks(g, e) != 0)
            return -1;
        drop_repeated(g);
    }
    if (g->big_count)
        qsort(g->big, g->big_count, sizeof *g->big, by_address);
    for (uint32_t i = 0; i + 1 < g->count; i++)
        cut(g, &g->blocks[i], g->blocks[i + 1].address);
    end_before_sentinel(g);
    find_range(g);
    if (make_holes(g, e) != 0 || leakgraph_index(g, e) != 0)
        return -1;
    if (!g->words)
        return 0;
    g->plain_starts = leakgraph_array(g, (uint64_t)g->count / 64 + 1, sizeof(uint64_t), NULL);
    leakgraph_resolve_words(g);
    return 0;
}
