// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leakretain.h"

#include "src/host/leaks/heapimage.h"

#include <stdlib.h>

bool leakretain_can(const struct profile *p)
{
    return p->search.graph == GRAPH_WHOLE && p->block_count <= LEAKRETAIN_BLOCKS;
}

/* What tells the rows apart, in the order of sorting. */
struct key {
    uint32_t site, kind, holder, age, survived;
    uint32_t row;
};

static int compare(const struct key *a, const struct key *b)
{
    const uint32_t left[] = {a->site, a->kind, a->holder, a->age, a->survived};
    const uint32_t right[] = {b->site, b->kind, b->holder, b->age, b->survived};

    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return compare(a, b);
}

/* Rows of too many ages were merged: these count for nothing then. */
static struct key key_of(const struct profile *p, uint32_t site, uint32_t kind, uint32_t holder,
                         uint32_t age, uint32_t survived)
{
    bool merged = p->search.notes & SEARCH_ROWS_MERGED;

    return (struct key){.site = site,
                        .kind = kind,
                        .holder = kind == LEAK_WEAK ? holder : 0,
                        .age = merged ? 0 : age,
                        .survived = merged ? 0 : survived};
}

static struct key *sorted_rows(const struct profile *p)
{
    struct key *keys = calloc((size_t)p->leak_count + 1, sizeof *keys);

    for (uint32_t i = 0; keys && i < p->leak_count; i++) {
        const struct profile_leak *row = &p->leaks[i];

        keys[i] = key_of(p, row->site, row->kind, row->holder, row->age, row->survived);
        keys[i].row = i;
    }
    if (keys)
        qsort(keys, p->leak_count, sizeof *keys, by_key);
    return keys;
}

/* By block the row it counts in; leak_count, which is nobody's, where a file says otherwise. */
static uint32_t *rows_of_blocks(const struct heapimage *h, const struct key *keys)
{
    const struct profile *p = h->profile;
    const struct leakgraph *g = &h->graph;
    uint32_t *rows = calloc((size_t)p->block_count + 1, sizeof *rows);

    for (uint32_t i = 0; rows && i < p->block_count; i++) {
        const struct profile_block *b = &p->blocks[i];
        uint16_t holder = leakgraph_holder(g, i);
        bool held = leakgraph_kind(g, i) == LEAK_WEAK && holder < g->weak_count;
        struct key key =
            key_of(p, b->site, b->kind, held ? g->weak[holder].tag : 0, b->age, b->survived);
        const struct key *found = bsearch(&key, keys, p->leak_count, sizeof *keys, by_key);

        rows[i] = found ? found->row : p->leak_count;
    }
    return rows;
}

static int sum(struct heapimage *h, uint64_t *bytes, struct error *e)
{
    const struct profile *p = h->profile;
    struct key *keys = sorted_rows(p);
    uint32_t *rows = keys ? rows_of_blocks(h, keys) : NULL;
    int result = -1;

    if (!rows)
        error_set(e, ERROR_MEMORY, "out of memory for retained sizes");
    else if (leakgraph_dominate(&h->graph, e) == 0)
        result = leakgraph_retained_by_group(&h->graph, rows, p->leak_count + 1, bytes, e);
    free(keys);
    free(rows);
    return result;
}

static bool known(const struct profile *p)
{
    for (uint32_t i = 0; i < p->leak_count; i++)
        if (p->leaks[i].retained_bytes)
            return true;
    return false;
}

uint64_t *leakretain_rows(const struct profile *p, struct error *e)
{
    uint64_t *bytes = calloc((size_t)p->leak_count + 2, sizeof *bytes);
    struct heapimage image;
    int result = 0;

    if (!bytes) {
        error_set(e, ERROR_MEMORY, "out of memory for retained sizes");
        return NULL;
    }
    for (uint32_t i = 0; i < p->leak_count; i++)
        bytes[i] = p->leaks[i].retained_bytes;
    if (known(p) || !leakretain_can(p))
        return bytes;
    result = heapimage_init(&image, p, e);
    if (result == 0) {
        result = sum(&image, bytes, e);
        heapimage_release(&image);
    }
    if (result == 0)
        return bytes;
    free(bytes);
    return NULL;
}
