// SPDX-License-Identifier: Apache-2.0
#include "src/host/rangemap.h"

#include <stdlib.h>
#include <string.h>

void rangemap_init(struct rangemap *m)
{
    memset(m, 0, sizeof *m);
}

void rangemap_release(struct rangemap *m)
{
    free(m->ranges);
    free(m->reach);
    rangemap_init(m);
}

int rangemap_add(struct rangemap *m, uint64_t low, uint64_t high, uint32_t value)
{
    if (low >= high)
        return 0;
    if (m->count == m->room) {
        size_t room = m->room ? m->room * 2 : 64;
        struct range *ranges = reallocarray(m->ranges, room, sizeof *ranges);

        if (!ranges)
            return -1;
        m->ranges = ranges;
        m->room = room;
    }
    m->ranges[m->count++] = (struct range){low, high, value};
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

int rangemap_seal(struct rangemap *m)
{
    uint64_t reach = 0;

    if (!m->count)
        return 0;
    m->reach = malloc(m->count * sizeof *m->reach);
    if (!m->reach) {
        rangemap_release(m);
        return -1;
    }
    qsort(m->ranges, m->count, sizeof *m->ranges, compare);
    for (size_t i = 0; i < m->count; i++) {
        if (m->ranges[i].high > reach)
            reach = m->ranges[i].high;
        m->reach[i] = reach;
    }
    return 0;
}

/* How many ranges start at or below the address. */
static size_t starting_by(const struct rangemap *m, uint64_t address)
{
    size_t low = 0, high = m->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (m->ranges[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct range *rangemap_find(const struct rangemap *m, uint64_t address,
                                  const struct range *previous)
{
    size_t i;

    if (!m->reach)
        return NULL;
    i = previous ? (size_t)(previous - m->ranges) : starting_by(m, address);
    while (i-- > 0 && m->reach[i] > address)
        if (m->ranges[i].high > address)
            return &m->ranges[i];
    return NULL;
}
