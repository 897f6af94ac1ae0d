/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/ownrange.h"

/* A place that is being filled; the start of no range. */
#define TAKEN 1u

/* The places that were ever used, as far as the layout allows. */
static uint32_t used(const struct segment *s)
{
    /* acquire: pairs with note_used; not needed for a place's content, which has its own */
    uint32_t n = atomic_load_explicit(&segment_header(s)->own_ranges_used, memory_order_acquire);

    return n < s->layout.own_ranges_max ? n : s->layout.own_ranges_max;
}

static void note_used(const struct segment *s, uint32_t count)
{
    struct segment_header *h = segment_header(s);
    uint32_t now = atomic_load_explicit(&h->own_ranges_used, memory_order_relaxed);

    while (now < count &&
           !atomic_compare_exchange_weak_explicit(&h->own_ranges_used, &now, count,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

bool own_range_add(const struct segment *s, const void *start, size_t bytes)
{
    for (uint32_t i = 0; i < s->layout.own_ranges_max; i++) {
        struct own_range *r = segment_own_range(s, i);
        uint64_t none = 0;

        /* relaxed: the place is only claimed; the release below publishes what is in it */
        if (atomic_load_explicit(&r->start, memory_order_relaxed) != 0 ||
            !atomic_compare_exchange_strong_explicit(&r->start, &none, TAKEN, memory_order_relaxed,
                                                     memory_order_relaxed))
            continue;
        note_used(s, i + 1);
        r->end = (uint64_t)(uintptr_t)start + bytes;
        /* release: who sees the start sees the end */
        atomic_store_explicit(&r->start, (uint64_t)(uintptr_t)start, memory_order_release);
        return true;
    }
    return false;
}

void own_range_remove(const struct segment *s, const void *start)
{
    uint32_t count = used(s);

    for (uint32_t i = 0; i < count; i++) {
        struct own_range *r = segment_own_range(s, i);

        if (atomic_load_explicit(&r->start, memory_order_relaxed) == (uint64_t)(uintptr_t)start) {
            /* release: the range is unmapped, and its addresses used again, only after this */
            atomic_store_explicit(&r->start, 0, memory_order_release);
            return;
        }
    }
}

bool own_range_next(const struct segment *s, uint32_t *at, uint64_t *start, uint64_t *end)
{
    uint32_t count = used(s);

    while (*at < count) {
        const struct own_range *r = segment_own_range(s, (*at)++);

        /* acquire: pairs with own_range_add */
        *start = atomic_load_explicit(&r->start, memory_order_acquire);
        *end = r->end;
        if (*start > TAKEN && *end > *start)
            return true;
    }
    return false;
}
