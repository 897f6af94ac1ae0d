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
 *
 * Lost blocks are numbered on their own, so that what is kept of them costs by
 * what is lost and not by what is live: a block's number is how many lost ones
 * come before it, from a bit a block and a count every 64 blocks.
 */
#include "src/host/leakgraph-scan.h"

#include <stdlib.h>

#define NONE LEAKGRAPH_NONE
#define LAST_COMPONENT (UINT32_MAX - 1)

struct components {
    uint32_t count;  /* lost blocks */
    uint32_t *index; /* of a lost block; 0 not seen; from `next_component` up: done */
    uint32_t *link;
    uint64_t *resume;       /* how far a block has been scanned */
    bool *leads;            /* to an earlier one of the path: not the root of its component */
    bool *held;             /* by component: another one points to it */
    uint32_t path, waiting; /* heads of the two lists */
    uint32_t next_index, next_component;
};

static void begin_block(struct components *c, uint32_t lost)
{
    c->index[lost] = c->next_index++;
    c->link[lost] = c->path;
    c->path = lost;
}

static void close_component(struct components *c, uint32_t lost)
{
    c->next_index--;
    while (c->waiting != NONE && c->index[lost] <= c->index[c->waiting]) {
        c->index[c->waiting] = c->next_component;
        c->waiting = c->link[c->waiting];
        c->next_index--;
    }
    c->index[lost] = c->next_component--;
}

static uint32_t component_of(const struct components *c, uint32_t lost)
{
    return LAST_COMPONENT - c->index[lost];
}

static uint32_t component_count(const struct components *c)
{
    return LAST_COMPONENT - c->next_component;
}

/*
 * `lost` points to `to`, and leads to what that leads to.  If the component of
 * `to` is complete, then without `lost`: it is held from outside.
 */
static void take_index(struct components *c, uint32_t lost, uint32_t to)
{
    if (c->index[to] > c->next_component) {
        c->held[component_of(c, to)] = true;
        return;
    }
    if (c->index[to] < c->index[lost]) {
        c->index[lost] = c->index[to];
        c->leads[lost] = true;
    }
}

static void end_block(struct components *c)
{
    uint32_t lost = c->path;

    c->path = c->link[lost];
    if (c->leads[lost]) {
        c->link[lost] = c->waiting;
        c->waiting = lost;
    } else {
        close_component(c, lost);
    }
    if (c->path != NONE)
        take_index(c, c->path, lost);
}

/* Go on with the last block of the path, to a new one or back. */
static void step(struct leakgraph *g, struct components *c)
{
    uint32_t lost = c->path, block = g->lost_blocks[lost];
    struct leakgraph_scan s;
    struct leakgraph_hit hit;

    leakgraph_scan_block(&s, g, block, c->resume[lost]);
    s.counts = true;
    while (leakgraph_scan_next(g, &s, &hit)) {
        uint32_t to;

        if (!leakgraph_is_lost(g, hit.block))
            continue;
        to = leakgraph_lost_number(g, hit.block);
        if (c->index[to] == 0) {
            c->resume[lost] = s.at - g->blocks[block].address;
            begin_block(c, to);
            return;
        }
        take_index(c, lost, to);
    }
    end_block(c);
}

static void find_components(struct leakgraph *g, struct components *c)
{
    c->path = c->waiting = NONE;
    c->next_index = 1;
    c->next_component = LAST_COMPONENT;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->index[i])
            continue;
        begin_block(c, i);
        while (c->path != NONE)
            step(g, c);
    }
}

/* ------------------------------------------------------------- lost roots -- */

/* The first block of a component that nothing else holds is definitely lost. */
static int find_lost_roots(struct leakgraph *g, struct components *c, struct error *e)
{
    uint32_t components = component_count(c), roots = 0, next = 0;

    for (uint32_t i = 0; i < components; i++)
        roots += !c->held[i];
    g->lost = leakgraph_array(g, roots, sizeof *g->lost, e);
    if (!g->lost)
        return -1;
    g->lost_count = roots;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->held[component_of(c, i)])
            continue;
        c->held[component_of(c, i)] = true;
        g->blocks[g->lost_blocks[i]].kind = LEAK_DEFINITE;
        g->lost[next++] = (struct leakgraph_lost){.block = g->lost_blocks[i], .cycle = NONE};
    }
    return 0;
}

/* ----------------------------------------------------------------- cycles -- */

/* `of`: the cycle of a component, counted from 1; 0 for one of a single block. */
static void place_cycles(struct leakgraph *g, const struct components *c, const uint32_t *of)
{
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t number = of[component_of(c, i)], block = g->lost_blocks[i];
        struct leakgraph_cycle *cycle = &g->cycles[number ? number - 1 : 0];

        if (number == 0)
            continue;
        g->cycle_blocks[cycle->first + cycle->count++] = block;
        cycle->bytes += leakgraph_size(g, block);
    }
    for (uint32_t i = 0; i < g->lost_count; i++) {
        uint32_t number = of[component_of(c, leakgraph_lost_number(g, g->lost[i].block))];

        g->lost[i].cycle = number ? number - 1 : NONE;
    }
}

/* Turn each component's size into the number of its cycle, and make room for the blocks. */
static int number_cycles(struct leakgraph *g, uint32_t components, uint32_t *sizes, struct error *e)
{
    uint32_t first = 0, next = 0;

    for (uint32_t i = 0; i < components; i++)
        g->cycle_count += sizes[i] > 1;
    g->cycles = leakgraph_array(g, g->cycle_count, sizeof *g->cycles, e);
    if (!g->cycles)
        return -1;
    for (uint32_t i = 0; i < components; i++) {
        uint32_t size = sizes[i];

        sizes[i] = 0;
        if (size < 2)
            continue;
        g->cycles[next].first = first;
        first += size;
        sizes[i] = ++next;
    }
    g->cycle_block_count = first;
    g->cycle_blocks = leakgraph_array(g, first, sizeof *g->cycle_blocks, e);
    return g->cycle_blocks ? 0 : -1;
}

static int find_cycles(struct leakgraph *g, const struct components *c, struct error *e)
{
    uint32_t components = component_count(c);
    uint32_t *sizes = leakgraph_array(g, components, sizeof *sizes, e);
    int result = -1;

    if (sizes) {
        for (uint32_t i = 0; i < c->count; i++)
            sizes[component_of(c, i)]++;
        result = number_cycles(g, components, sizes, e);
    }
    if (result == 0 && g->cycle_count)
        place_cycles(g, c, sizes);
    leakgraph_array_free(g, sizes, components, sizeof *sizes);
    return result;
}

/* -------------------------------------------------------- what lies below -- */

/* Give what is reached from one lost root, and has no owner yet, to that root. */
static void own_from(struct leakgraph *g, struct leakgraph_lost *root, uint32_t *stack)
{
    uint32_t count = 0;

    g->owner[leakgraph_lost_number(g, root->block)] = root->block;
    stack[count++] = root->block;
    while (count) {
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        leakgraph_scan_block(&s, g, stack[--count], 0);
        while (leakgraph_scan_next(g, &s, &hit)) {
            uint32_t *owner;

            if (!leakgraph_is_lost(g, hit.block))
                continue;
            owner = &g->owner[leakgraph_lost_number(g, hit.block)];
            if (*owner != NONE)
                continue;
            *owner = root->block;
            root->below.blocks++;
            root->below.bytes += leakgraph_size(g, hit.block);
            stack[count++] = hit.block;
        }
    }
}

static int largest_first(const void *a, const void *b, void *graph)
{
    const struct leakgraph *g = graph;
    const struct leakgraph_lost *left = a, *right = b;
    uint64_t left_bytes = left->below.bytes + leakgraph_size(g, left->block);
    uint64_t right_bytes = right->below.bytes + leakgraph_size(g, right->block);

    if (left_bytes != right_bytes)
        return left_bytes > right_bytes ? -1 : 1;
    return left->block < right->block ? -1 : left->block > right->block;
}

static int find_owners(struct leakgraph *g, struct error *e)
{
    uint32_t *stack = leakgraph_array(g, g->lost_block_count, sizeof *stack, e);

    g->owner = leakgraph_array(g, g->lost_block_count, sizeof *g->owner, e);
    if (stack && g->owner) {
        memset(g->owner, 0xff, g->lost_block_count * sizeof *g->owner);
        for (uint32_t i = 0; i < g->lost_count; i++)
            own_from(g, &g->lost[i], stack);
    }
    leakgraph_array_free(g, stack, g->lost_block_count, sizeof *stack);
    return stack && g->owner ? 0 : -1;
}

/* ----------------------------------------------------------------- result -- */

/* List the lost blocks, and make what leakgraph_lost_number asks. */
static int list_lost(struct leakgraph *g, struct error *e)
{
    uint64_t groups = (uint64_t)g->count / 64 + 1;
    uint32_t next = 0;

    g->lost_bits = leakgraph_array(g, groups, sizeof *g->lost_bits, e);
    g->lost_before = leakgraph_array(g, groups, sizeof *g->lost_before, e);
    g->lost_blocks = leakgraph_array(g, g->lost_block_count, sizeof *g->lost_blocks, e);
    if (!g->lost_bits || !g->lost_before || !g->lost_blocks)
        return -1;
    for (uint32_t i = 0; i < g->count; i++) {
        if (i % 64 == 0)
            g->lost_before[i / 64] = next;
        if (!leakgraph_is_lost(g, i))
            continue;
        g->lost_bits[i / 64] |= UINT64_C(1) << (i % 64);
        g->lost_blocks[next++] = i;
    }
    return 0;
}

/* What only the search for components needs. */
static void release_search(struct leakgraph *g, struct components *c)
{
    leakgraph_array_free(g, c->link, c->count, sizeof *c->link);
    leakgraph_array_free(g, c->resume, c->count, sizeof *c->resume);
    leakgraph_array_free(g, c->leads, c->count, sizeof *c->leads);
    c->link = NULL;
    c->resume = NULL;
    c->leads = NULL;
}

static int find_lost_structure(struct leakgraph *g, struct error *e)
{
    struct components c = {.count = g->lost_block_count};
    int result = -1;

    c.index = leakgraph_array(g, c.count, sizeof *c.index, e);
    c.link = leakgraph_array(g, c.count, sizeof *c.link, e);
    c.resume = leakgraph_array(g, c.count, sizeof *c.resume, e);
    c.leads = leakgraph_array(g, c.count, sizeof *c.leads, e);
    c.held = leakgraph_array(g, c.count, sizeof *c.held, e);
    if (c.index && c.link && c.resume && c.leads && c.held) {
        find_components(g, &c);
        release_search(g, &c);
        result = find_lost_roots(g, &c, e);
    }
    if (result == 0)
        result = find_cycles(g, &c, e);
    release_search(g, &c);
    leakgraph_array_free(g, c.held, c.count, sizeof *c.held);
    leakgraph_array_free(g, c.index, c.count, sizeof *c.index);
    return result;
}

int leakgraph_sort_lost(struct leakgraph *g, struct error *e)
{
    for (uint32_t i = 0; i < g->count; i++)
        g->lost_block_count += leakgraph_is_lost(g, i);
    if (g->lost_block_count == 0)
        return 0;
    if (list_lost(g, e) != 0 || find_lost_structure(g, e) != 0 || find_owners(g, e) != 0)
        return -1;
    qsort_r(g->lost, g->lost_count, sizeof *g->lost, largest_first, g);
    return 0;
}

void leakgraph_forget_lost(struct leakgraph *g)
{
    uint64_t groups = (uint64_t)g->count / 64 + 1;

    leakgraph_array_free(g, g->lost, g->lost_count, sizeof *g->lost);
    leakgraph_array_free(g, g->cycles, g->cycle_count, sizeof *g->cycles);
    leakgraph_array_free(g, g->cycle_blocks, g->cycle_block_count, sizeof *g->cycle_blocks);
    leakgraph_array_free(g, g->lost_bits, groups, sizeof *g->lost_bits);
    leakgraph_array_free(g, g->lost_before, groups, sizeof *g->lost_before);
    leakgraph_array_free(g, g->lost_blocks, g->lost_block_count, sizeof *g->lost_blocks);
    leakgraph_array_free(g, g->owner, g->lost_block_count, sizeof *g->owner);
    g->lost = NULL;
    g->cycles = NULL;
    g->lost_bits = NULL;
    g->cycle_blocks = g->lost_before = g->lost_blocks = g->owner = NULL;
    g->lost_count = g->cycle_count = g->cycle_block_count = g->lost_block_count = 0;
}

uint32_t leakgraph_owner(const struct leakgraph *g, uint32_t block)
{
    return g->owner && leakgraph_is_lost(g, block) ? g->owner[leakgraph_lost_number(g, block)]
                                                   : NONE;
}
