// SPDX-License-Identifier: Apache-2.0
#include "src/host/model/births.h"

#include "src/host/memory/growing.h"

#include <string.h>

void births_init(struct births *b)
{
    memset(b, 0, sizeof(*b));
}

void births_release(struct births *b)
{
    free(b->snapshots);
    births_init(b);
}

uint16_t births_now(const struct births *b)
{
    return (uint16_t)(b->moments >> b->shift);
}

/* Of two births that become one the later snapshots count: what survived is a lower bound. */
static void halve_all(struct births *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->snapshots[i / 2] = b->snapshots[i];
    b->count = (b->count + 1) / 2;
    b->shift++;
}

bool births_moment(struct births *b, bool snapshot, bool *halve)
{
    uint32_t now = b->moments >> b->shift;

    *halve = false;
    if (now == b->count) {
        if (!growing_reserve(&b->snapshots, b->count, sizeof(*b->snapshots)))
            return false;
        b->count++;
    }
    b->snapshots[now] = b->taken;
    b->moments++;
    b->taken += snapshot;
    if (b->moments >> b->shift < BIRTHS_MAX)
        return true;
    halve_all(b);
    *halve = true;
    return true;
}

uint32_t births_age(const struct births *b, uint16_t birth)
{
    uint64_t latest = (((uint64_t)birth + 1) << b->shift) - 1;

    return latest < b->moments ? b->moments - (uint32_t)latest : 0;
}

uint32_t births_survived(const struct births *b, uint16_t birth)
{
    return birth < b->count && birth < births_now(b) ? b->taken - b->snapshots[birth] : 0;
}

int births_copy(struct births *to, const struct births *from)
{
    *to = *from;
    to->snapshots = calloc((size_t)from->count + 1, sizeof(*to->snapshots));
    if (!to->snapshots)
        return -1;
    if (from->count)
        memcpy(to->snapshots, from->snapshots, from->count * sizeof(*to->snapshots));
    return 0;
}
