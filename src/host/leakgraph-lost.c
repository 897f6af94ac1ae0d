// SPDX-License-Identifier: Apache-2.0
/*
 * Strongly connected components of the lost blocks, and what follows from
 * them: a component that no other lost block points to is definitely lost.
 *
 * Pearce's algorithm keeps one number a block: while the block is on the way
 * the smallest index it leads back to, afterwards its component, counted down
 * from the top so that it is larger than any index.  The path of the search and
 * the stack of blocks whose component is not known yet are linked lists through
 * one array, since no block is on both.
 */
#include "src/host/leakgraph-scan.h"

#include <stdlib.h>

#define NONE LEAKGRAPH_NONE
#define LAST_COMPONENT (UINT32_MAX - 1)

struct components {
    uint32_t *index; /* of a block; 0 not seen; from `component` down: done */
    uint32_t *link;
    uint64_t *resume;       /* how far a block has been scanned */
    uint32_t path, waiting; /* heads of the two lists */
    uint32_t next_index, next_component;
    uint32_t count; /* lost blocks */
};

#define IS_ROOT 0x1u /* of its component, as far as is known */

static void begin_block(struct leakgraph *g, struct components *c, uint32_t block)
{
    c->index[block] = c->next_index++;
    c->link[block] = c->path;
    c->path = block;
    g->blocks[block].working = IS_ROOT;
}

static void close_component(struct components *c, uint32_t block)
{
    c->next_index--;
    while (c->waiting != NONE && c->index[block] <= c->index[c->waiting]) {
        c->index[c->waiting] = c->next_component;
        c->waiting = c->link[c->waiting];
        c->next_index--;
    }
    c->index[block] = c->next_component--;
}

/* `block` leads to what `to` leads to. */
static void take_index(struct leakgraph *g, struct components *c, uint32_t block, uint32_t to)
{
    if (c->index[to] < c->index[block]) {
        c->index[block] = c->index[to];
        g->blocks[block].working = 0;
    }
}

static void end_block(struct leakgraph *g, struct components *c)
{
    uint32_t block = c->path;

    c->path = c->link[block];
    if (g->blocks[block].working & IS_ROOT) {
        close_component(c, block);
    } else {
        c->link[block] = c->waiting;
        c->waiting = block;
    }
    if (c->path != NONE)
        take_index(g, c, c->path, block);
}

/* Go on with the last block of the path, to a new one or back. */
static void step(struct leakgraph *g, struct components *c)
{
    uint32_t block = c->path;
    struct leakgraph_scan s;
    struct leakgraph_hit hit;

    leakgraph_scan_block(&s, g, block, c->resume[block]);
    while (leakgraph_scan_next(g, &s, &hit)) {
        if (!leakgraph_is_lost(g, hit.block))
            continue;
        if (c->index[hit.block] == 0) {
            c->resume[block] = s.at - g->blocks[block].address;
            begin_block(g, c, hit.block);
            return;
        }
        take_index(g, c, block, hit.block);
    }
    end_block(g, c);
}

static void find_components(struct leakgraph *g, struct components *c)
{
    c->path = c->waiting = NONE;
    c->next_index = 1;
    c->next_component = LAST_COMPONENT;
    for (uint32_t i = 0; i < g->count; i++) {
        if (!leakgraph_is_lost(g, i) || c->index[i])
            continue;
        begin_block(g, c, i);
        while (c->path != NONE)
            step(g, c);
    }
}

static uint32_t component_of(const struct components *c, uint32_t block)
{
    return LAST_COMPONENT - c->index[block];
}

static uint32_t component_count(const struct components *c)
{
    return LAST_COMPONENT - c->next_component;
}

/* ------------------------------------------------------------- lost roots -- */

/* For each component: whether another one points to it. */
static void find_held(struct leakgraph *g, const struct components *c, uint8_t *held)
{
    for (uint32_t i = 0; i < g->count; i++) {
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        if (!leakgraph_is_lost(g, i))
            continue;
        leakgraph_scan_block(&s, g, i, 0);
        s.counts = true;
        while (leakgraph_scan_next(g, &s, &hit))
            if (leakgraph_is_lost(g, hit.block) && c->index[hit.block] != c->index[i])
                held[component_of(c, hit.block)] = 1;
    }
}

/* The first block of a component that nothing else holds is definitely lost. */
static int find_lost_roots(struct leakgraph *g, const struct components *c, uint8_t *held,
                           struct error *e)
{
    uint32_t components = component_count(c), roots = 0, next = 0;

    for (uint32_t i = 0; i < components; i++)
        roots += !held[i];
    g->lost = leakgraph_array(g, roots, sizeof *g->lost, e);
    if (!g->lost)
        return -1;
    g->lost_count = roots;
    for (uint32_t i = 0; i < g->count; i++) {
        if (!leakgraph_is_lost(g, i) || held[component_of(c, i)])
            continue;
        held[component_of(c, i)] = 1;
        g->blocks[i].kind = LEAK_DEFINITE;
        g->lost[next++] = (struct leakgraph_lost){.block = i, .cycle = NONE};
    }
    return 0;
}

/* ----------------------------------------------------------------- cycles -- */

static void place_cycles(struct leakgraph *g, const struct components *c, uint32_t *of,
                         const uint32_t *sizes)
{
    uint32_t cycle = 0, first = 0;

    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t component;

        if (!leakgraph_is_lost(g, i))
            continue;
        component = component_of(c, i);
        if (sizes[component] < 2)
            continue;
        if (of[component] == 0) {
            of[component] = ++cycle;
            g->cycles[cycle - 1].first = first;
            first += sizes[component];
        }
        struct leakgraph_cycle *in = &g->cycles[of[component] - 1];

        g->cycle_blocks[in->first + in->count++] = i;
        in->bytes += leakgraph_size(g, i);
    }
    for (uint32_t i = 0; i < g->lost_count; i++)
        if (sizes[component_of(c, g->lost[i].block)] > 1)
            g->lost[i].cycle = of[component_of(c, g->lost[i].block)] - 1;
}

static int find_cycles(struct leakgraph *g, const struct components *c, struct error *e)
{
    uint32_t components = component_count(c);
    uint32_t *sizes = leakgraph_array(g, components, sizeof *sizes, e);
    uint32_t *of = leakgraph_array(g, components, sizeof *of, e);
    int result = sizes && of ? 0 : -1;

    for (uint32_t i = 0; result == 0 && i < g->count; i++)
        if (leakgraph_is_lost(g, i))
            sizes[component_of(c, i)]++;
    for (uint32_t i = 0; result == 0 && i < components; i++) {
        g->cycle_count += sizes[i] > 1;
        g->cycle_block_count += sizes[i] > 1 ? sizes[i] : 0;
    }
    if (result == 0 && g->cycle_count) {
        g->cycles = leakgraph_array(g, g->cycle_count, sizeof *g->cycles, e);
        g->cycle_blocks = leakgraph_array(g, g->cycle_block_count, sizeof *g->cycle_blocks, e);
        if (g->cycles && g->cycle_blocks)
            place_cycles(g, c, of, sizes);
        else
            result = -1;
    }
    leakgraph_array_free(g, sizes, components, sizeof *sizes);
    leakgraph_array_free(g, of, components, sizeof *of);
    return result;
}

/* -------------------------------------------------------- what lies below -- */

/* Give what is reached from one lost root, and has no owner yet, to that root. */
static void own_from(struct leakgraph *g, struct leakgraph_lost *root, uint32_t *stack)
{
    uint32_t count = 0;

    g->owner[root->block] = root->block;
    stack[count++] = root->block;
    while (count) {
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        leakgraph_scan_block(&s, g, stack[--count], 0);
        while (leakgraph_scan_next(g, &s, &hit)) {
            if (!leakgraph_is_lost(g, hit.block) || g->owner[hit.block] != NONE)
                continue;
            g->owner[hit.block] = root->block;
            root->below.blocks++;
            root->below.bytes += leakgraph_size(g, hit.block);
            stack[count++] = hit.block;
        }
    }
}

static int largest_first(const void *a, const void *b, void *graph)
{
    const struct leakgraph *sorted = graph;
    const struct leakgraph_lost *left = a, *right = b;
    uint64_t left_bytes = left->below.bytes + leakgraph_size(sorted, left->block);
    uint64_t right_bytes = right->below.bytes + leakgraph_size(sorted, right->block);

    if (left_bytes != right_bytes)
        return left_bytes > right_bytes ? -1 : 1;
    return left->block < right->block ? -1 : left->block > right->block;
}

static int find_owners(struct leakgraph *g, struct error *e)
{
    uint32_t *stack = leakgraph_array(g, g->count, sizeof *stack, e);

    g->owner = leakgraph_array(g, g->count, sizeof *g->owner, e);
    if (stack && g->owner) {
        memset(g->owner, 0xff, g->count * sizeof *g->owner);
        for (uint32_t i = 0; i < g->lost_count; i++)
            own_from(g, &g->lost[i], stack);
    }
    leakgraph_array_free(g, stack, g->count, sizeof *stack);
    return stack && g->owner ? 0 : -1;
}

/* ----------------------------------------------------------------- result -- */

static int sort_components(struct leakgraph *g, struct components *c, struct error *e)
{
    uint32_t components = component_count(c);
    uint8_t *held = leakgraph_array(g, components, sizeof *held, e);
    int result = -1;

    if (held) {
        find_held(g, c, held);
        result = find_lost_roots(g, c, held, e);
    }
    leakgraph_array_free(g, held, components, sizeof *held);
    return result == 0 ? find_cycles(g, c, e) : -1;
}

static bool anything_lost(const struct leakgraph *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (leakgraph_is_lost(g, i))
            return true;
    return false;
}

int leakgraph_sort_lost(struct leakgraph *g, struct error *e)
{
    struct components c = {0};
    int result = -1;

    if (!anything_lost(g))
        return 0;
    c.index = leakgraph_array(g, g->count, sizeof *c.index, e);
    c.link = leakgraph_array(g, g->count, sizeof *c.link, e);
    c.resume = leakgraph_array(g, g->count, sizeof *c.resume, e);
    if (c.index && c.link && c.resume) {
        find_components(g, &c);
        leakgraph_array_free(g, c.resume, g->count, sizeof *c.resume);
        leakgraph_array_free(g, c.link, g->count, sizeof *c.link);
        c.resume = NULL;
        c.link = NULL;
        result = sort_components(g, &c, e);
    }
    leakgraph_array_free(g, c.index, g->count, sizeof *c.index);
    leakgraph_array_free(g, c.link, g->count, sizeof *c.link);
    leakgraph_array_free(g, c.resume, g->count, sizeof *c.resume);
    if (result == 0)
        result = find_owners(g, e);
    if (result == 0)
        qsort_r(g->lost, g->lost_count, sizeof *g->lost, largest_first, g);
    return result;
}
