// SPDX-License-Identifier: Apache-2.0
/*
 * Anonymous memory: what the program mapped itself is a root, and so is what nobody knows,
 * the loader's or a language runtime's.  Memory of an allocator is none, since it is free
 * where no live block lies, and may have been used before:
 *
 *   [heap], but for what the program took by sbrk itself;
 *   glibc's thread arenas: heaps at multiples of 64 MiB that begin with the address of their
 *   arena (malloc/arena.c, heap_info);
 *   glibc's chunks of their own (IS_MMAPPED): the pages of the chunk;
 *   where other blocks lie: another allocator's.  Then what nobody knows is not a root either,
 *   but for the loader's: it is where that allocator keeps its books, which point to blocks.
 *
 * Of a program that ran before it was recorded all of it is a root but for the known blocks.
 */
#include "src/host/search/leakroots-parts.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_MASK UINT64_C(4095)
#define HEAP_ALIGNMENT (UINT64_C(64) << 20) /* HEAP_MAX_SIZE */
#define ARENA_ROUND (UINT64_C(2) << 20)     /* what other allocators map is a multiple of this */
#define CHUNK_MMAPPED UINT64_C(2)
#define CHUNK_FLAGS UINT64_C(7)
#define LINK_MAPS 16u /* looked at: the first are those made so early */
#define LOOKED_AT 64u /* blocks of a mapping, for what allocator it is */

/* What lies in one of the copy's mappings, or in a range the program mapped. */
struct area {
    uint64_t low, high; /* of the live blocks, but for chunks of their own */
    uint64_t blocks;
    uint32_t looked_at, as_glibc;
};

struct memory {
    struct rootfinder *finder;
    struct area *areas;    /* one a mapping of the copy */
    struct area *recorded; /* one a range of the model's mappings */
    bool foreign;          /* blocks come from an allocator that is neither glibc's nor ours */
    const struct heap_mapping *last; /* that the last block lay in */
    bool last_arena;                 /* a thread's */
};

/* ----------------------------------------------------------------- blocks -- */

static void area_add(struct area *a, uint64_t address, uint64_t size)
{
    if (a->blocks == 0 || address < a->low)
        a->low = address;
    if (address + size > a->high)
        a->high = address + size;
    a->blocks++;
}

/* The size of the chunk that holds a block, with flags; 0: it cannot be one of glibc's. */
static uint64_t chunk_size(const struct rootfinder *f, uint64_t address, uint64_t size)
{
    uint64_t word, chunk;

    if ((address & 15) != 0 || !rootfinder_word(f, address - 8, &word))
        return 0;
    chunk = word & ~CHUNK_FLAGS;
    if ((chunk & 15) != 0 || chunk < 32 || chunk < size + 8)
        return 0;
    if (!(word & CHUNK_MMAPPED) && chunk > size + 8 + 64)
        return 0;
    return word;
}

/* A chunk with pages of its own: nothing else is there. */
static bool take_own_pages(struct rootfinder *f, uint64_t address, uint64_t size)
{
    uint64_t word = chunk_size(f, address, size), before = 0, start, end;

    if (!(word & CHUNK_MMAPPED) || !rootfinder_word(f, address - 16, &before))
        return false;
    start = address - 16 - before;
    end = address - 16 + (word & ~CHUNK_FLAGS);
    if ((start & PAGE_MASK) || (end & PAGE_MASK) || before > PAGE_MASK + size || end <= start)
        return false;
    rootfinder_take(f, start, end);
    return true;
}

static struct area *recorded_at(const struct memory *m, uint64_t address)
{
    const struct mappings *known = &m->finder->source->model->mappings;
    uint32_t low = 0, high = known->range_count, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (known->ranges[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < known->range_count && known->ranges[low].start <= address ? &m->recorded[low]
                                                                           : NULL;
}

/* Whether a mapping begins with one of the heaps of a thread's arena. */
static bool is_thread_arena(const struct rootfinder *f, uint64_t start)
{
    uint64_t arena, base;

    if ((start & (HEAP_ALIGNMENT - 1)) != 0 || !rootfinder_word(f, start, &arena))
        return false;
    base = arena & ~(HEAP_ALIGNMENT - 1);
    return arena - base >= 32 && arena - base <= 128 && base != 0;
}

/* The mapping that holds a block, if it may be an allocator's; blocks come in order mostly. */
static const struct heap_mapping *mapping_of(struct memory *m, uint64_t address)
{
    const struct heap_mapping *mapping = m->last;

    if (mapping && address >= mapping->start && address < mapping->end)
        return mapping;
    mapping = heapcopy_mapping(m->finder->source->copy, address);
    if (!mapping || mapping->kind == HEAP_MAPPING_FILE || mapping->kind == HEAP_MAPPING_STACK)
        return NULL;
    m->last = mapping;
    m->last_arena = is_thread_arena(m->finder, mapping->start);
    return mapping;
}

static void note_block(struct memory *m, uint64_t address, uint64_t size)
{
    const struct heapcopy *copy = m->finder->source->copy;
    const struct heap_mapping *mapping = mapping_of(m, address);
    struct area *a, *recorded;

    if (!mapping)
        return;
    if (mapping->kind == HEAP_MAPPING_ANONYMOUS && !m->last_arena &&
        (size >= 4096 || (address & PAGE_MASK) == 16) && take_own_pages(m->finder, address, size))
        return;
    a = &m->areas[mapping - copy->mappings];
    area_add(a, address, size);
    if (a->looked_at < LOOKED_AT) {
        a->looked_at++;
        a->as_glibc += chunk_size(m->finder, address, size) != 0;
    }
    recorded = m->finder->source->model->mappings.range_count ? recorded_at(m, address) : NULL;
    if (recorded)
        area_add(recorded, address, size);
}

/* Of a program whose earlier blocks are not known: what is known is a block, the rest a root. */
static void take_block(struct memory *m, uint64_t address, uint64_t size)
{
    if (m->finder->source->model->attached)
        rootfinder_take(m->finder, address, address + size);
    else
        note_block(m, address, size);
}

/* As leaklive has them, where the program ignores none: those lie in an allocator's memory too. */
static bool note_taken(struct memory *m)
{
    const struct leaklive *live = m->finder->source->live;

    if (!live || m->finder->source->model->totals[DOMAIN_IGNORED].live_blocks)
        return false;
    for (uint64_t i = 0; i < live->count; i++)
        take_block(m, live->rows[i].address_birth >> 16, leaklive_size(live, &live->rows[i]));
    return true;
}

static void note_blocks(struct memory *m)
{
    const struct livetable *live = &m->finder->source->model->live;
    uint32_t big = 0;

    if (note_taken(m))
        return;
    for (uint32_t s = 0; s < LIVETABLE_SHARDS; s++) {
        const struct livetable_shard *shard = &live->shards[s];

        for (uint64_t k = 0; shard->entries && k < shard->room; k++)
            if (shard->entries[k].size == UINT32_MAX)
                big++;
            else if (shard->entries[k].address_birth)
                take_block(m, shard->entries[k].address_birth >> 16, shard->entries[k].size);
    }
    for (uint32_t i = 0; big && i < live->big_count; i++)
        take_block(m, live->big[i].address, live->big[i].size);
}

/* --------------------------------------------------------------- deciding -- */

static bool recorder_serves(const struct memory *m)
{
    const struct segment *segment = m->finder->source->stopped->segment;

    return segment && segment_header(segment)->settings.allocator != ALLOCATOR_NEXT;
}

static void find_out_whose(struct memory *m)
{
    const struct heapcopy *copy = m->finder->source->copy;

    for (uint32_t i = 0; i < copy->mapping_count && !recorder_serves(m); i++)
        if (copy->mappings[i].kind == HEAP_MAPPING_ANONYMOUS && m->areas[i].blocks &&
            m->areas[i].as_glibc * 2 < m->areas[i].looked_at)
            m->foreign = true;
}

/* The ranges that the program mapped, unless an allocator did and blocks lie there. */
static void add_recorded(struct memory *m, const struct heap_mapping *mapping)
{
    const struct mappings *known = &m->finder->source->model->mappings;
    struct area *first = recorded_at(m, mapping->start);
    uint32_t i = first ? (uint32_t)(first - m->recorded) : 0;
    uint64_t start, end;

    while (i < known->range_count && known->ranges[i].end <= mapping->start)
        i++;
    for (; i < known->range_count && known->ranges[i].start < mapping->end; i++) {
        start = known->ranges[i].start > mapping->start ? known->ranges[i].start : mapping->start;
        end = known->ranges[i].end < mapping->end ? known->ranges[i].end : mapping->end;
        if (m->recorded[i].blocks)
            rootfinder_take(m->finder, start, end);
        else
            rootfinder_add_rest(m->finder, ROOT_MAPPING, "", start, end);
    }
}

/* The loader's first allocations lie around the link maps that it made before libc was there. */
static bool is_loaders(const struct memory *m, const struct heap_mapping *mapping)
{
    const struct rootfinder *f = m->finder;
    uint64_t map, at = f->loader_data; /* begins with the first link map of the first namespace */

    for (uint32_t i = 0; at && i < LINK_MAPS && rootfinder_word(f, at, &map) && map; i++) {
        if (map >= mapping->start && map < mapping->end)
            return true;
        at = map + 24; /* struct link_map: l_next */
    }
    return false;
}

static void take_arena(struct rootfinder *f, const struct heap_mapping *mapping,
                       const struct area *area, uint64_t round)
{
    uint64_t low = area->low & ~(round - 1), high = (area->high + round - 1) & ~(round - 1);

    rootfinder_take(f, low > mapping->start ? low : mapping->start,
                    high < mapping->end ? high : mapping->end);
}

static void add_anonymous(struct memory *m, const struct heap_mapping *mapping,
                          const struct area *area)
{
    struct rootfinder *f = m->finder;

    if (is_thread_arena(f, mapping->start)) {
        rootfinder_take(f, mapping->start, mapping->end);
        return;
    }
    if (area->blocks)
        take_arena(f, mapping, area, is_loaders(m, mapping) ? PAGE_MASK + 1 : ARENA_ROUND);
    if (!m->foreign || is_loaders(m, mapping))
        rootfinder_add_rest(f, ROOT_MAPPING, rootfinder_text(f, mapping->path), mapping->start,
                            mapping->end);
}

static void decide(struct memory *m)
{
    const struct heapcopy *copy = m->finder->source->copy;

    find_out_whose(m);
    for (uint32_t i = 0; i < copy->mapping_count && !m->finder->failed; i++) {
        const struct heap_mapping *mapping = &copy->mappings[i];

        if (mapping->kind != HEAP_MAPPING_STACK)
            add_recorded(m, mapping);
        if (m->finder->source->model->attached && mapping->kind != HEAP_MAPPING_STACK)
            rootfinder_add_rest(m->finder, ROOT_MAPPING, rootfinder_text(m->finder, mapping->path),
                                mapping->start, mapping->end);
        else if (mapping->kind == HEAP_MAPPING_ANONYMOUS)
            add_anonymous(m, mapping, &m->areas[i]);
        else if (mapping->kind == HEAP_MAPPING_FILE && mapping->writable)
            rootfinder_add_rest(m->finder, ROOT_MAPPING, rootfinder_text(m->finder, mapping->path),
                                mapping->start, mapping->end);
    }
}

void leakroots_memory(struct rootfinder *f)
{
    const struct mappings *known = &f->source->model->mappings;
    struct memory m = {.finder = f};

    m.areas = calloc(f->source->copy->mapping_count + 1, sizeof(*m.areas));
    m.recorded = calloc((size_t)known->range_count + 1, sizeof(*m.recorded));
    if (m.areas && m.recorded) {
        note_blocks(&m);
        decide(&m);
    } else {
        f->failed = true;
    }
    free(m.areas);
    free(m.recorded);
}
