/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/bootstrap.h"

#include "src/shared/sysmem.h"

#include <stdatomic.h>

/* In front of each block. */
struct header {
    size_t size;
    size_t reserved; /* keeps the block aligned to 16 */
};

/*
 * Regions are only added.  The first lies in .bss, so that nothing needs to be
 * mapped for the few hundred bytes that dlsym wants.
 */
struct region {
    _Atomic uintptr_t start;
    _Atomic uintptr_t end;
    _Atomic uintptr_t next; /* first free byte */
};

#define FIRST_BYTES 16384u
#define REGION_BYTES (UINT64_C(1) << 20)
#define REGIONS 64u

static _Alignas(64) unsigned char first[FIRST_BYTES];
static struct region regions[REGIONS];
static _Atomic uint32_t region_count;
static _Atomic uint64_t served_blocks, served_bytes;

/*
 * Plain words: a thread that has a block's address got it after the block was
 * handed out, and so after these were widened.
 */
uintptr_t bootstrap_low, bootstrap_span;

static void span_widen(uintptr_t start, uintptr_t end)
{
    uintptr_t old_end = bootstrap_low + bootstrap_span;

    if (bootstrap_span == 0) {
        bootstrap_low = start;
        bootstrap_span = end - start;
        return;
    }
    if (start < bootstrap_low)
        bootstrap_low = start;
    bootstrap_span = (end > old_end ? end : old_end) - bootstrap_low;
}

static void region_open(struct region *r, uintptr_t start, uintptr_t end)
{
    span_widen(start, end);
    atomic_store_explicit(&r->next, start, memory_order_relaxed);
    atomic_store_explicit(&r->end, end, memory_order_relaxed);
    /* release: a region with a start is whole */
    atomic_store_explicit(&r->start, start, memory_order_release);
}

static void *region_alloc(struct region *r, size_t size, size_t alignment)
{
    uintptr_t next = atomic_load_explicit(&r->next, memory_order_relaxed);
    uintptr_t block, after;

    do {
        block = (next + sizeof(struct header) + alignment - 1) & ~(uintptr_t)(alignment - 1);
        after = block + size;
        if (after < block || after > atomic_load_explicit(&r->end, memory_order_relaxed))
            return NULL;
        /* relaxed: the bytes between `next` and `after` are ours alone, nothing else is implied */
    } while (!atomic_compare_exchange_weak_explicit(&r->next, &next, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    ((struct header *)block)[-1].size = size;
    return (void *)block;
}

/* A new region with room for `bytes`, in the next free place of the table. */
static struct region *region_add(size_t bytes)
{
    uint32_t i = atomic_fetch_add_explicit(&region_count, 1, memory_order_relaxed);
    uintptr_t start;

    if (i >= REGIONS)
        return NULL;
    if (i == 0 && bytes <= FIRST_BYTES) {
        region_open(&regions[0], (uintptr_t)first, (uintptr_t)first + FIRST_BYTES);
        return &regions[0];
    }
    /* each twice the last, so that the table's places last for any amount */
    bytes += REGION_BYTES << (i / 4);
    start = (uintptr_t)sysmem_map(bytes);
    if (!start)
        return NULL;
    region_open(&regions[i], start, start + bytes);
    return &regions[i];
}

void *bootstrap_alloc(size_t size, size_t alignment)
{
    uint32_t count = atomic_load_explicit(&region_count, memory_order_relaxed);
    struct region *fresh;
    void *block = NULL;

    if (alignment < 16)
        alignment = 16;
    if (size > PTRDIFF_MAX - alignment - REGION_BYTES)
        return NULL;
    for (uint32_t i = 0; i < count && i < REGIONS && !block; i++)
        block = region_alloc(&regions[i], size, alignment);
    if (!block) {
        fresh = region_add(size + alignment + sizeof(struct header));
        block = fresh ? region_alloc(fresh, size, alignment) : NULL;
    }
    if (block) {
        atomic_fetch_add_explicit(&served_blocks, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&served_bytes, size, memory_order_relaxed);
    }
    return block;
}

bool bootstrap_contains(const void *block)
{
    uint32_t count = atomic_load_explicit(&region_count, memory_order_relaxed);
    uintptr_t at = (uintptr_t)block;

    for (uint32_t i = 0; i < count && i < REGIONS; i++) {
        /* acquire: pairs with region_open */
        uintptr_t start = atomic_load_explicit(&regions[i].start, memory_order_acquire);

        if (start && at >= start &&
            at <= atomic_load_explicit(&regions[i].end, memory_order_relaxed))
            return true;
    }
    return false;
}

size_t bootstrap_size(const void *block)
{
    return ((const struct header *)block)[-1].size;
}

void bootstrap_data(uintptr_t *start, uintptr_t *end)
{
    *start = (uintptr_t)first;
    *end = *start + sizeof(first);
}

uint64_t bootstrap_blocks(void)
{
    return atomic_load_explicit(&served_blocks, memory_order_relaxed);
}

uint64_t bootstrap_bytes(void)
{
    return atomic_load_explicit(&served_bytes, memory_order_relaxed);
}
