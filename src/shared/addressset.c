/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/addressset.h"

#include "src/shared/sysmem.h"

#define WINDOW 128u

bool address_set_init(struct address_set *s, size_t count)
{
    s->count = count;
    s->places = sysmem_map(count * sizeof(*s->places));
    return s->places != NULL;
}

/* Multiplied by 2^64 over the golden ratio (Knuth, volume 3, 6.4); blocks are 16 apart. */
static _Atomic(void *) *place_of(const struct address_set *s, const void *address, size_t i)
{
    uint64_t hash = ((uint64_t)(uintptr_t)address >> 4) * UINT64_C(0x9e3779b97f4a7c15);

    return &s->places[((hash >> 24) + i) & (s->count - 1)];
}

bool address_set_add(struct address_set *s, void *address)
{
    for (size_t i = 0; i < WINDOW; i++) {
        _Atomic(void *) *place = place_of(s, address, i);
        void *none = NULL;

        /* release: who finds the address sees what was written there before */
        if (!atomic_load_explicit(place, memory_order_relaxed) &&
            atomic_compare_exchange_strong_explicit(place, &none, address, memory_order_release,
                                                    memory_order_relaxed))
            return true;
    }
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&s->refused, 1, memory_order_relaxed);
    return false;
}

static _Atomic(void *) *find(const struct address_set *s, const void *address)
{
    for (size_t i = 0; i < WINDOW; i++) {
        _Atomic(void *) *place = place_of(s, address, i);

        /* acquire: pairs with address_set_add */
        if (atomic_load_explicit(place, memory_order_acquire) == address)
            return place;
    }
    return NULL;
}

bool address_set_remove(struct address_set *s, void *address)
{
    _Atomic(void *) *place = find(s, address);
    void *expected = address;

    /* seq_cst: who counts walkers after this knows that a walker of later does not find it */
    return place && atomic_compare_exchange_strong_explicit(
                        place, &expected, NULL, memory_order_seq_cst, memory_order_relaxed);
}

bool address_set_has(const struct address_set *s, const void *address)
{
    return find(s, address) != NULL;
}

void *address_set_walk(const struct address_set *s, size_t *at)
{
    while (*at < s->count) {
        /* seq_cst: see address_set_remove */
        void *address = atomic_load_explicit(&s->places[(*at)++], memory_order_seq_cst);

        if (address)
            return address;
    }
    return NULL;
}
