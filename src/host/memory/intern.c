// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/intern.h"

#include <stdlib.h>

#define FIRST_SLOTS 64u

void intern_init(struct intern *t)
{
    *t = (struct intern){0};
}

void intern_release(struct intern *t)
{
    free(t->keys);
    free(t->slots);
    intern_init(t);
}

static size_t hash(struct intern_key k)
{
    uint64_t h = k.a * 0x9e3779b97f4a7c15ull;

    h = (h ^ (h >> 32) ^ k.b) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 29) ^ k.c) * 0x94d049bb133111ebull;
    return (size_t)(h ^ (h >> 32));
}

static bool equal(struct intern_key x, struct intern_key y)
{
    return x.a == y.a && x.b == y.b && x.c == y.c;
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t slot_of(const struct intern *t, struct intern_key key)
{
    size_t at = hash(key) & (t->slot_count - 1);

    while (t->slots[at] && !equal(t->keys[t->slots[at] - 1], key))
        at = (at + 1) & (t->slot_count - 1);
    return at;
}

static bool reserve_keys(struct intern *t)
{
    uint32_t room = t->room ? t->room * 2 : FIRST_SLOTS / 2;
    struct intern_key *keys;

    if (t->count < t->room)
        return true;
    if (room <= t->room || room > INT32_MAX)
        return false;
    keys = realloc(t->keys, room * sizeof *keys);
    if (!keys)
        return false;
    t->keys = keys;
    t->room = room;
    return true;
}

static bool reserve_slots(struct intern *t)
{
    size_t count = t->slot_count ? t->slot_count : FIRST_SLOTS;
    uint32_t *slots;

    while (count / 2 <= t->count)
        count *= 2;
    if (count == t->slot_count)
        return true;
    slots = calloc(count, sizeof *slots);
    if (!slots)
        return false;
    free(t->slots);
    t->slots = slots;
    t->slot_count = count;
    for (uint32_t i = 0; i < t->count; i++)
        t->slots[slot_of(t, t->keys[i])] = i + 1;
    return true;
}

uint32_t intern_add(struct intern *t, struct intern_key key, bool *added)
{
    size_t at;

    if (added)
        *added = false;
    if (!reserve_keys(t) || !reserve_slots(t))
        return INTERN_NONE;
    at = slot_of(t, key);
    if (t->slots[at])
        return t->slots[at] - 1;
    t->keys[t->count] = key;
    t->slots[at] = ++t->count;
    if (added)
        *added = true;
    return t->count - 1;
}

uint32_t intern_find(const struct intern *t, struct intern_key key)
{
    size_t at;

    if (!t->count)
        return INTERN_NONE;
    at = slot_of(t, key);
    return t->slots[at] ? t->slots[at] - 1 : INTERN_NONE;
}
