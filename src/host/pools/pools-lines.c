/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/pools/pools-parts.h"

#include <stdlib.h>

/* Fewer bytes than this less are taken for a change that can be made. */
#define SHRINK_MOST 8u
/* And fewer than one byte in so many of the line are not worth it. */
#define SAVED_FROM 100u

struct entry {
    uint32_t place;
    uint64_t size, blocks;
};

static int by_place(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return a->size < b->size ? -1 : a->size > b->size;
}

static struct entry *make_entries(const struct pools_making *m)
{
    uint32_t count = m->profile->size_count;
    struct entry *entries = calloc((size_t)count + 1, sizeof(*entries));

    for (uint32_t i = 0; entries && i < count; i++)
        entries[i] = (struct entry){m->place_of[m->profile->sizes[i].site],
                                    m->profile->sizes[i].size, m->profile->sizes[i].blocks};
    if (entries)
        qsort(entries, count, sizeof(*entries), by_place);
    return entries;
}

/* What serves the program takes for a block: the pools, or what glibc would. */
static uint64_t taken(const struct pools_making *m, uint64_t size)
{
    uint32_t block = m->pools->pooled ? pools_block_bytes(size, m->guards) : 0;

    return block ? block : pools_chunk_bytes(size);
}

/* Keep the size if its blocks are among the most. */
static void offer_size(struct pools_line *line, const struct pools_size *size)
{
    uint32_t at = line->size_count;

    while (at && line->sizes[at - 1].blocks < size->blocks)
        at--;
    if (line->size_count == POOLS_SIZES)
        line->more_sizes++;
    else
        line->size_count++;
    for (uint32_t i = line->size_count; i-- > at + 1;)
        line->sizes[i] = line->sizes[i - 1];
    if (at < POOLS_SIZES)
        line->sizes[at] = *size;
}

static void add_size(const struct pools_making *m, struct pools_line *line, uint64_t size,
                     uint64_t blocks)
{
    struct pools_size row = {size, blocks, taken(m, size) * blocks};

    line->blocks += blocks;
    line->asked += size * blocks;
    line->taken += row.taken;
    offer_size(line, &row);
}

/* The fewest bytes less that get the commonest size into a smaller block. */
static void find_shrink(const struct pools_making *m, struct pools_line *line)
{
    const struct pools_size *top = &line->sizes[0];
    uint64_t now = taken(m, top->size);

    for (uint64_t less = 1; less <= SHRINK_MOST && less < top->size; less++) {
        uint64_t then = taken(m, top->size - less);

        if (then >= now)
            continue;
        if ((now - then) * top->blocks >= line->taken / SAVED_FROM) {
            line->shrink = less;
            line->saved = (now - then) * top->blocks;
        }
        return;
    }
}

static uint64_t weight(const struct pools_line *line, enum pools_order order)
{
    switch (order) {
    case POOLS_BY_WASTE:
        return line->taken - line->asked;
    case POOLS_BY_ASKED:
        return line->asked;
    case POOLS_BY_COUNT:
        return line->blocks;
    case POOLS_BY_TAKEN:
        break;
    }
    return line->taken;
}

/* qsort passes no context: one comparison for each order. */
#define COMPARISON(name, order)                                                                    \
    static int name(const void *x, const void *y)                                                  \
    {                                                                                              \
        const struct pools_line *a = x, *b = y;                                                    \
        uint64_t first = weight(a, order), second = weight(b, order);                              \
                                                                                                   \
        if (first != second)                                                                       \
            return first > second ? -1 : 1;                                                        \
        return a->place < b->place ? -1 : a->place > b->place;                                     \
    }
COMPARISON(more_taken, POOLS_BY_TAKEN)
COMPARISON(more_waste, POOLS_BY_WASTE)
COMPARISON(more_asked, POOLS_BY_ASKED)
COMPARISON(more_blocks, POOLS_BY_COUNT)

static void sort_lines(struct pools *s, enum pools_order order)
{
    static int (*const comparisons[])(const void *, const void *) = {
        [POOLS_BY_TAKEN] = more_taken,
        [POOLS_BY_WASTE] = more_waste,
        [POOLS_BY_ASKED] = more_asked,
        [POOLS_BY_COUNT] = more_blocks,
    };

    if (s->line_count)
        qsort(s->lines, s->line_count, sizeof(*s->lines), comparisons[order]);
}

bool pools_make_lines(const struct pools_making *m, enum pools_order order)
{
    struct pools *s = m->pools;
    struct entry *entries = make_entries(m);
    uint32_t count = m->profile->size_count;

    s->lines = calloc((size_t)s->place_count + 1, sizeof(*s->lines));
    if (!entries || !s->lines) {
        free(entries);
        return false;
    }
    for (uint32_t i = 0, next; i < count; i = next) {
        uint64_t blocks = 0;

        if (i == 0 || entries[i].place != entries[i - 1].place)
            s->lines[s->line_count++].place = entries[i].place;
        for (next = i; next < count && by_place(&entries[i], &entries[next]) == 0; next++)
            blocks += entries[next].blocks;
        add_size(m, &s->lines[s->line_count - 1], entries[i].size, blocks);
    }
    free(entries);
    for (uint32_t i = 0; i < s->line_count; i++)
        find_shrink(m, &s->lines[i]);
    sort_lines(s, order);
    return true;
}
