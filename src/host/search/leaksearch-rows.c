// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/leaksearch-parts.h"

#include "src/host/memory/growing.h"

#include <stdlib.h>

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory for the results of a search for leaks");
}

/* What tells the rows apart. */
static struct intern_key key_of(const struct leaksearch *s, uint32_t block)
{
    const struct leakgraph *g = &s->graph;
    uint64_t holder = leakgraph_holder(g, block);

    return (struct intern_key){leaklive_site(g, block), leakgraph_kind(g, block) | holder << 8,
                               s->merged ? 0 : leaklive_birth(g, block)};
}

uint32_t leaksearch_row(const struct leaksearch *s, uint32_t block)
{
    return intern_find(&s->rows, key_of(s, block));
}

/* ----------------------------------------------------------------- counting -- */

static struct profile_leak first_of(struct leaksearch *s, uint32_t block)
{
    const struct leakgraph *g = &s->graph;
    uint16_t birth = leaklive_birth(g, block);
    struct profile_leak row = {.site = leaklive_site(g, block),
                               .kind = leakgraph_kind(g, block),
                               .age = births_age(&s->births, birth),
                               .survived = births_survived(&s->births, birth),
                               .smallest = UINT64_MAX};

    if (row.kind == LEAK_WEAK)
        row.holder = leaksearch_root(s, g->weak[leakgraph_holder(g, block)].tag);
    return row;
}

static void count_block(struct leaksearch *s, uint32_t block, struct profile_leak *row)
{
    uint64_t size = leakgraph_size(&s->graph, block);

    if (s->merged) { /* the youngest tells what all have lived at least */
        uint16_t birth = leaklive_birth(&s->graph, block);
        uint32_t age = births_age(&s->births, birth);
        uint32_t survived = births_survived(&s->births, birth);

        row->age = age < row->age ? age : row->age;
        row->survived = survived < row->survived ? survived : row->survived;
    }
    if (!row->blocks || size > row->largest)
        row->example = s->graph.blocks[block].address;
    row->blocks++;
    row->bytes += size;
    row->smallest = size < row->smallest ? size : row->smallest;
    row->largest = size > row->largest ? size : row->largest;
}

/* Neighbours in memory often come from one site at one time. */
struct recent {
    struct intern_key key;
    uint32_t row;
    bool valid;
};
#define RECENT 1024u

static struct recent *recent_of(struct recent *recent, struct intern_key key)
{
    return &recent[(key.a * UINT64_C(0x9e3779b97f4a7c15) + key.b * 31 + key.c) % RECENT];
}

static uint32_t row_for(struct leaksearch *s, uint32_t block, struct recent *recent)
{
    struct intern_key key = key_of(s, block);
    struct recent *r = recent_of(recent, key);
    struct profile *p = s->part;
    bool added;

    if (r->valid && r->key.a == key.a && r->key.b == key.b && r->key.c == key.c)
        return r->row;
    if (!growing_reserve(&p->leaks, s->rows.count, sizeof(*p->leaks)))
        return NO_ROW;
    *r = (struct recent){key, intern_add(&s->rows, key, &added), true};
    if (r->row == INTERN_NONE)
        return NO_ROW;
    if (added) {
        p->leaks[r->row] = first_of(s, block);
        p->leak_count = s->rows.count;
        if (p->leaks[r->row].holder == NO_ROW)
            return NO_ROW;
    }
    return r->row;
}

/* 0; 1: too many rows; -1: out of memory. */
static int count_all(struct leaksearch *s)
{
    struct recent *recent = calloc(RECENT, sizeof(*recent));
    int result = recent ? 0 : -1;

    for (uint32_t i = 0; i < s->graph.count && result == 0; i++) {
        uint32_t row = row_for(s, i, recent);

        if (row == NO_ROW)
            result = -1;
        else
            count_block(s, i, &s->part->leaks[row]);
        if (s->rows.count > LEAKSEARCH_ROWS_MAX && !s->merged)
            result = 1;
    }
    free(recent);
    return result;
}

static void begin_again(struct leaksearch *s)
{
    intern_release(&s->rows);
    intern_init(&s->rows);
    free(s->part->leaks);
    s->part->leaks = NULL;
    s->part->leak_count = 0;
    s->merged = true;
    s->about.notes |= SEARCH_ROWS_MERGED;
}

/* --------------------------------------------------------- what is lost below -- */

static void add_lost(struct leaksearch *s, const struct leakgraph_lost *lost, uint64_t *most)
{
    uint32_t number = leaksearch_row(s, lost->block);
    struct profile_leak *row = &s->part->leaks[number];
    uint64_t all = leakgraph_size(&s->graph, lost->block) + lost->below.bytes;

    row->indirect_blocks += lost->below.blocks;
    row->indirect_bytes += lost->below.bytes;
    if (lost->cycle != LEAKGRAPH_NONE && s->graph.cycles[lost->cycle].count > row->cycle_blocks)
        row->cycle_blocks = s->graph.cycles[lost->cycle].count;
    if (all > most[number]) {
        most[number] = all;
        row->example = s->graph.blocks[lost->block].address;
    }
}

static int add_all_lost(struct leaksearch *s)
{
    uint64_t *most;

    if (!s->graph.lost_count)
        return 0;
    most = calloc(s->rows.count, sizeof(*most));
    if (!most)
        return -1;
    for (uint32_t i = 0; i < s->rows.count; i++) /* of those that lie alone */
        most[i] = s->part->leaks[i].largest;
    for (uint32_t i = 0; i < s->graph.lost_count; i++)
        add_lost(s, &s->graph.lost[i], most);
    free(most);
    return 0;
}

int leaksearch_rows(struct leaksearch *s, struct error *e)
{
    int result = count_all(s);

    if (result == 1) {
        begin_again(s);
        result = count_all(s);
    }
    if (result != 0 || add_all_lost(s) != 0)
        return out_of_memory(e);
    return 0;
}

/* ----------------------------------------------------------------- retained -- */

int leaksearch_retain(struct leaksearch *s, struct error *e)
{
    uint32_t rows = s->rows.count;
    uint64_t *bytes = calloc((size_t)rows + 1, sizeof(*bytes));
    uint32_t *row_of = calloc((size_t)s->graph.count + 1, sizeof(*row_of));
    int result = bytes && row_of ? leakgraph_dominate(&s->graph, e) : out_of_memory(e);

    for (uint32_t i = 0; result == 0 && i < s->graph.count; i++)
        row_of[i] = leaksearch_row(s, i);
    if (result == 0)
        result = leakgraph_retained_by_group(&s->graph, row_of, rows, bytes, e);
    for (uint32_t i = 0; result == 0 && i < rows; i++)
        s->part->leaks[i].retained_bytes = bytes[i];
    free(bytes);
    free(row_of);
    return result;
}

/* ------------------------------------------------------------------ sorting -- */

static int most_first(const void *x, const void *y)
{
    const struct profile_leak *a = x, *b = y;
    uint64_t left = a->bytes + a->indirect_bytes, right = b->bytes + b->indirect_bytes;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (left != right)
        return left > right ? -1 : 1;
    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    if (a->holder != b->holder)
        return a->holder < b->holder ? -1 : 1;
    return a->age < b->age ? -1 : a->age > b->age;
}

void leaksearch_sort_rows(struct leaksearch *s)
{
    if (s->part->leak_count)
        qsort(s->part->leaks, s->part->leak_count, sizeof(*s->part->leaks), most_first);
}
