/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking all guarded blocks while other threads go on.  A live block may be freed and its
 * memory given out again while it is looked at, so that what looks wrong is looked at
 * again, and believed only if it is still the same allocation.
 */
#include "src/shared/block.h"
#include "src/shared/guarded-head.h"

#include <string.h>

static bool guards_hold(const struct guarded_head *h, uint64_t size)
{
    const uint8_t *tail = guarded_block(h) + size;

    for (size_t i = 0; i < sizeof(h->guard); i++)
        if (h->guard[i] != GUARDED_FORBIDDEN)
            return false;
    for (size_t i = 0; i < GUARDED_TAIL_BYTES; i++)
        if (tail[i] != GUARDED_FORBIDDEN)
            return false;
    return true;
}

/* The size of a live block as its state vouches for it.  false: not live. */
static bool live_size(const struct guarded_head *h, uint64_t *size, uint64_t *serial)
{
    *size = *(const volatile uint64_t *)&h->size;
    *serial = *(const volatile uint64_t *)&h->serial;
    return guarded_is(h, STATE_LIVE) && *size == *(const volatile uint64_t *)&h->size;
}

static void check_live(struct guarded_head *h, uint32_t stack)
{
    uint64_t size, serial, size_again, serial_again;

    if (!live_size(h, &size, &serial) || guards_hold(h, size))
        return;
    if (live_size(h, &size_again, &serial_again) && serial == serial_again && !guards_hold(h, size))
        guarded_intact(h, false, stack);
}

static void check_pool(const struct pool *p, uint32_t stack)
{
    uint32_t word = pool_word(p), capacity, bytes;

    if (word >> POOL_CLASS_SHIFT == 0)
        return;
    bytes = geometry_block_bytes(pool_class(word));
    if (bytes < GUARDED_HEAD_BYTES + GUARDED_TAIL_BYTES)
        return; /* a class too small for guarded blocks: somebody else's */
    capacity = geometry_capacity(pool_base(p), pool_class(word));
    for (uint32_t i = 0; i < capacity; i++) {
        struct guarded_head *h = (struct guarded_head *)(void *)pool_block(p, i);
        uint64_t size, serial;

        /* where its blocks lie is read anew: it may be given to another class meanwhile */
        if ((uintptr_t)h < pool_base(p) || (uintptr_t)h + bytes > pool_base(p) + POOL_BYTES)
            return;
        if (live_size(h, &size, &serial) && size <= bytes - GUARDED_HEAD_BYTES - GUARDED_TAIL_BYTES)
            check_live(h, stack);
    }
}

static void check_pools(uint32_t stack)
{
    struct arena_page *page = NULL;
    struct arena *a;
    uint32_t index = 0;

    while ((a = arena_walk(&page, &index)) != NULL) {
        /* acquire: a pool that is counted as opened has its first word */
        uint32_t opened = atomic_load_explicit(&a->opened, memory_order_acquire);
        uintptr_t base = (uintptr_t)atomic_load_explicit(&a->base, memory_order_acquire);

        for (uint32_t i = 0; base && i < opened; i++)
            check_pool(pool_at(base + i * POOL_BYTES), stack);
    }
}

uint64_t guarded_check(uint32_t stack)
{
    struct guarded_totals before, after;
    struct guarded_head *h;
    size_t at = 0;

    guarded_totals(&before);
    guarded_check_freed(stack);
    guarded_walk_begin();
    check_pools(stack);
    while ((h = address_set_walk(&guarded_large, &at)) != NULL)
        check_live(h, stack);
    guarded_walk_end();
    guarded_totals(&after);
    return after.faults - before.faults;
}
