// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/retained.h"

#include <stdlib.h>

static bool sum_rows(struct retained *r, const struct profile *p)
{
    uint64_t *most = calloc((size_t)r->places.count + 1, sizeof *most);

    for (uint32_t i = 0; most && i < p->block_count; i++) {
        const struct profile_block *b = &p->blocks[i];
        uint32_t row = r->places.row_of[b->site];

        r->rows[row].row = row;
        r->rows[row].blocks++;
        r->rows[row].bytes += b->size;
        r->bytes += b->size;
        if (b->size > most[row]) {
            most[row] = b->size;
            siterows_represent(&r->places, p, b->site);
        }
    }
    free(most);
    return most != NULL;
}

static int hold_rows(struct retained *r, struct heapimage *h, struct error *e)
{
    const struct profile *p = h->profile;
    uint32_t *group = calloc((size_t)p->block_count + 1, sizeof *group);
    uint64_t *bytes = calloc((size_t)r->places.count + 1, sizeof *bytes);
    int result = -1;

    if (!group || !bytes) {
        error_set(e, ERROR_MEMORY, "out of memory for the retained sizes of %u blocks",
                  p->block_count);
    } else {
        for (uint32_t i = 0; i < p->block_count; i++)
            group[i] = r->places.row_of[p->blocks[i].site];
        result = leakgraph_retained_by_group(&h->graph, group, r->places.count, bytes, e);
        for (uint32_t i = 0; i < r->places.count; i++)
            r->rows[i].retained = bytes[i];
    }
    free(group);
    free(bytes);
    return result;
}

static int by_retained(const void *x, const void *y)
{
    const struct retained_row *a = x, *b = y;

    if (a->retained != b->retained)
        return a->retained > b->retained ? -1 : 1;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static int by_own_bytes(const void *x, const void *y)
{
    const struct retained_row *a = x, *b = y;

    return a->bytes != b->bytes ? (a->bytes > b->bytes ? -1 : 1) : by_retained(x, y);
}

static int by_block(const void *x, const void *y, void *context)
{
    const uint64_t *retained = context;
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    if (retained[a] != retained[b])
        return retained[a] > retained[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

static void sort(struct retained *r, struct heapimage *h, bool by_own)
{
    qsort(r->rows, r->places.count, sizeof *r->rows, by_own ? by_own_bytes : by_retained);
    while (r->row_count < r->places.count && r->rows[r->row_count].blocks)
        r->row_count++;
    r->block_count = h->profile->block_count;
    for (uint32_t i = 0; i < r->block_count; i++)
        r->blocks[i] = i;
    qsort_r(r->blocks, r->block_count, sizeof *r->blocks, by_block, h->graph.retained);
}

static int fill(struct retained *r, struct heapimage *h, bool by_own, struct error *e)
{
    r->rows = calloc((size_t)r->places.count + 1, sizeof *r->rows);
    r->blocks = calloc((size_t)h->profile->block_count + 1, sizeof *r->blocks);
    if (!r->rows || !r->blocks || !sum_rows(r, h->profile))
        return error_set(e, ERROR_MEMORY, "out of memory for the retained sizes of %u blocks",
                         h->profile->block_count);
    if (!h->graph.retained && leakgraph_dominate(&h->graph, e) != 0)
        return -1;
    if (hold_rows(r, h, e) != 0)
        return -1;
    sort(r, h, by_own);
    return 0;
}

int retained_make(struct retained *r, struct heapimage *h, enum view_group group, bool by_own,
                  const struct skiplist *skip, struct error *e)
{
    *r = (struct retained){.row_count = 0};
    if (h->profile->search.graph != GRAPH_WHOLE)
        return error_set(e, ERROR_REFUSED,
                         "the profile does not keep all references between blocks: record with "
                         "--leak-graph=all");
    if (siterows_init(&r->places, h->profile, group, skip, e) != 0)
        return -1;
    if (fill(r, h, by_own, e) == 0)
        return 0;
    retained_release(r);
    return -1;
}

void retained_release(struct retained *r)
{
    siterows_release(&r->places);
    free(r->rows);
    free(r->blocks);
    *r = (struct retained){.row_count = 0};
}
