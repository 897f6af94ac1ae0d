// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/heapcopy-parts.h"

#include "src/host/memory/availmem.h"
#include "src/host/memory/pages.h"
#include "src/shared/ownrange.h"

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define PAGE_BYTES UINT64_C(4096)
#define PAGES 64u /* that are kept of what was read last */

struct heapcopy_page {
    uint64_t number; /* 0: none */
    bool readable;
    uint8_t bytes[PAGE_BYTES];
};

bool heapcopy_add(struct heapcopy *c, uint64_t start, uint64_t end)
{
    uint32_t room = c->extent_room ? c->extent_room * 2 : 256;
    struct heap_extent *extents;

    if (c->extent_count && end > start &&
        c->extents[c->extent_count - 1].address + c->extents[c->extent_count - 1].size == start) {
        c->extents[c->extent_count - 1].size += end - start;
        return true;
    }
    if (c->extent_count == c->extent_room) {
        extents = reallocarray(c->extents, room, sizeof(*extents));
        if (!extents)
            return false;
        c->extents = extents;
        c->extent_room = room;
    }
    c->extents[c->extent_count++] = (struct heap_extent){start, end - start, NULL};
    return true;
}

/* ------------------------------------------------------------- our own -- */

static int by_start(const void *a, const void *b)
{
    const struct heap_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* Those that the segment names and those that the caller does, ascending; NULL: out of memory. */
static struct heap_range *all_ours(const struct stopped *s, const struct heap_range *ours,
                                   uint32_t *count)
{
    uint32_t room = *count + (s->segment ? s->segment->layout.own_ranges_max : 0), at = 0;
    /* of which most is never touched */
    struct heap_range *all = reallocarray(NULL, room + 1, sizeof(*all));

    if (!all)
        return NULL;
    if (*count)
        memcpy(all, ours, *count * sizeof(*all));
    while (s->segment && *count < room &&
           own_range_next(s->segment, &at, &all[*count].start, &all[*count].end))
        ++*count;
    qsort(all, *count, sizeof(*all), by_start);
    return all;
}

/* -------------------------------------------------------------- taking -- */

/* What the room has is no longer available, but ours. */
static int check_room(const struct heapcopy *c, const struct copyroom *room, struct error *e)
{
    uint64_t needed = 0, available = availmem_bytes();

    for (uint32_t i = 0; i < c->extent_count; i++)
        needed += c->extents[i].size;
    if (needed <= room->cleared || needed - room->cleared <= available)
        return 0;
    return error_set(e, ERROR_MEMORY,
                     "a copy of the program's memory takes %llu MiB, and only %llu MiB are "
                     "available",
                     (unsigned long long)(needed / MIB),
                     (unsigned long long)((room->cleared + available) / MIB));
}

/* A thread through which memory can be seen: not the first one if it has ended before the others.
 */
static pid_t living_thread(const struct stopped *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!s->threads[i].missed)
            return s->threads[i].tid;
    return s->pid;
}

/* The mappings and extents there are. */
static int look(struct heapcopy *c, const struct stopped *s, const struct heap_range *ours,
                uint32_t our_count, struct error *e)
{
    struct heap_range *all = all_ours(s, ours, &our_count);
    int result;

    memset(c, 0, sizeof(*c));
    c->thread = living_thread(s);
    if (!all)
        return error_set(e, ERROR_MEMORY, "out of memory");
    result = heapcopy_list(c, c->thread, all, our_count, e);
    free(all);
    return result == 0 ? heapcopy_find(c, c->thread, e) : result;
}

int heapcopy_take(struct heapcopy *c, const struct stopped *s, const struct heap_range *ours,
                  uint32_t our_count, struct copyroom *room, struct error *e)
{
    struct copyroom none = {.size = 0};
    int result = look(c, s, ours, our_count, e);

    if (!room)
        room = &none;
    if (result == 0)
        result = check_room(c, room, e);
    if (result == 0)
        result = heapcopy_fill(c, c->thread, room, e);
    if (result != 0)
        heapcopy_release(c);
    return result;
}

int heapcopy_look(struct heapcopy *c, const struct stopped *s, const struct heap_range *ours,
                  uint32_t our_count, struct error *e)
{
    int result = look(c, s, ours, our_count, e);

    c->looking = true;
    heldmemory_init(&c->held, c->thread);
    c->pages = result == 0 ? malloc(PAGES * sizeof(*c->pages)) : NULL;
    for (uint32_t i = 0; c->pages && i < PAGES; i++) /* their bytes are not: 256 KiB */
        c->pages[i].number = 0;
    if (result == 0 && !c->pages)
        result = error_set(e, ERROR_MEMORY, "out of memory");
    if (result != 0)
        heapcopy_release(c);
    return result;
}

void heapcopy_let_go(struct heapcopy *c)
{
    if (!c->looking)
        return;
    free(c->pages);
    c->pages = NULL;
    heldmemory_release(&c->held);
}

void heapcopy_release(struct heapcopy *c)
{
    heapcopy_let_go(c);
    free(c->mappings);
    free(c->extents);
    free(c->closed);
    pages_unmap(c->memory, c->memory_size);
    memset(c, 0, sizeof(*c));
}

/* ------------------------------------------------------------- reading -- */

uint32_t heapcopy_extent(const struct heapcopy *c, uint64_t address)
{
    uint32_t low = 0, high = c->extent_count, middle;
    const struct heap_extent *x = c->extents;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (x[middle].address + x[middle].size <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same, for an address that is near the one before. */
static uint32_t extent_at(struct heapcopy *c, uint64_t address)
{
    const struct heap_extent *x = c->extents;

    for (uint32_t i = c->last; i < c->extent_count && i < c->last + 2; i++)
        if (address < x[i].address + x[i].size &&
            (i == 0 || address >= x[i - 1].address + x[i - 1].size))
            return c->last = i;
    return c->last = heapcopy_extent(c, address);
}

static const void *bytes_at(void *context, uint64_t address, uint64_t *size)
{
    struct heapcopy *c = context;
    uint32_t i = extent_at(c, address);
    const struct heap_extent *x = &c->extents[i];

    *size = 0;
    if (i == c->extent_count)
        return NULL;
    if (address < x->address) {
        *size = x->address - address;
        return NULL;
    }
    *size = x->size - (address - x->address);
    return x->bytes + (address - x->address);
}

struct leakgraph_reader heapcopy_reader(struct heapcopy *c)
{
    return (struct leakgraph_reader){bytes_at, c};
}

/* A page of the process; NULL: it is not there. */
static const uint8_t *page_at(struct heapcopy *c, uint64_t number)
{
    struct heapcopy_page *page = &c->pages[number % PAGES];
    struct iovec piece = {(void *)(uintptr_t)(number * PAGE_BYTES), PAGE_BYTES};

    if (page->number != number) {
        page->number = number;
        page->readable =
            heldmemory_read(&c->held, &piece, 1, page->bytes, PAGE_BYTES) == (ssize_t)PAGE_BYTES;
    }
    return page->readable ? page->bytes : NULL;
}

/* As bytes_at, from the process, to the end of a page at most; NULL: nothing there. */
static const void *held_bytes_at(struct heapcopy *c, uint64_t address, uint64_t *size)
{
    uint32_t i = extent_at(c, address);
    const struct heap_extent *x = &c->extents[i];
    uint64_t into = address % PAGE_BYTES;
    const uint8_t *page;

    if (i == c->extent_count || address < x->address || !c->pages)
        return NULL;
    *size = x->size - (address - x->address);
    *size = *size < PAGE_BYTES - into ? *size : PAGE_BYTES - into;
    page = page_at(c, address / PAGE_BYTES);
    return page ? page + into : NULL;
}

bool heapcopy_read(struct heapcopy *c, uint64_t address, void *to, size_t size)
{
    uint8_t *place = to;
    const void *from;
    uint64_t there;

    while (size > 0) {
        from = c->looking ? held_bytes_at(c, address, &there) : bytes_at(c, address, &there);
        if (!from)
            return false;
        if (there > size)
            there = size;
        memcpy(place, from, there);
        place += there;
        address += there;
        size -= there;
    }
    return true;
}

const struct heap_mapping *heapcopy_mapping(const struct heapcopy *c, uint64_t address)
{
    uint32_t low = 0, high = c->mapping_count, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (c->mappings[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == c->mapping_count || c->mappings[low].start > address)
        return NULL;
    return &c->mappings[low];
}
