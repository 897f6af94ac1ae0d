// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/rangemap.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 11u
#define DIGITS ((size_t)1 << DIGIT_BITS)
#define RADIX_FROM 512u /* for fewer the digits' counts cost more than they gain */

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

/* One digit of the key; the order of what has the same digit stays. */
static void sort_by_digit(struct range *to, const struct range *from, size_t count, uint64_t least,
                          unsigned shift)
{
    size_t starts[DIGITS] = {0}, sum = 0;

    for (size_t i = 0; i < count; i++)
        starts[(from[i].low - least) >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t many = starts[d];

        starts[d] = sum;
        sum += many;
    }
    for (size_t i = 0; i < count; i++)
        to[starts[(from[i].low - least) >> shift & (DIGITS - 1)]++] = from[i];
}

/* What begins at the same address, by value. */
static void sort_ties(struct range *ranges, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && ranges[end].low == ranges[i].low; end++)
            continue;
        if (end - i > 1)
            qsort(&ranges[i], end - i, sizeof *ranges, compare);
    }
}

/*
 * A radix sort by the beginning, the least significant digit first: naming the
 * frames of a large program was for the most part comparing its symbols.
 */
static void sort(struct rangemap *m)
{
    struct range *from = m->ranges, *to = NULL, *spare;
    uint64_t least = UINT64_MAX, most = 0;

    if (m->count >= RADIX_FROM)
        to = reallocarray(NULL, m->count, sizeof *to);
    if (!to) {
        qsort(m->ranges, m->count, sizeof *m->ranges, compare);
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        least = from[i].low < least ? from[i].low : least;
        most = from[i].low > most ? from[i].low : most;
    }
    for (unsigned shift = 0; shift < 64 && (most - least) >> shift; shift += DIGIT_BITS) {
        sort_by_digit(to, from, m->count, least, shift);
        spare = from;
        from = to;
        to = spare;
    }
    m->ranges = from;
    m->room = m->count;
    free(to);
    sort_ties(m->ranges, m->count);
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
    sort(m);
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
