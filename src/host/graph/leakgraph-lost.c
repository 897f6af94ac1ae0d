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
 * A lost block that no other lost one refers to, and that refers to none, is definitely
 * lost, and nothing more is kept of it: often that is what is lost most.  The others, the
 * linked ones, are found first, and numbered on their own: a block's number is how many of
 * them come before it, from a bit a block and a count every 64 blocks.
 */
#include "src/host/graph/leakgraph-scan.h"

#define NONE LEAKGRAPH_NONE
#define LAST_COMPONENT (UINT32_MAX - 1)

struct components {
    uint32_t count;  /* linked blocks */
    uint32_t *index; /* of a linked block; 0 not seen; from `next_component` up: done */
    uint32_t *link;
    uint32_t *resume; /* how far a block has been scanned, in words; */
    uint64_t *far;    /* of one of 4 GiB and more, by its place in `big` */
    uint64_t *leads;  /* a bit: to an earlier one of the path: not the root of its component */
    uint64_t *held;   /* a bit a component: another one points to it */
    uint32_t path, waiting; /* heads of the two lists */
    uint32_t next_index, next_component;
};

static bool has_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

static void set_bit(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= UINT64_C(1) << i % 64;
}

/* ---------------------------------------------------------------- resuming -- */

/* Words begin at multiples of the step, whatever the block does. */
static uint64_t first_word(const struct leakgraph *g, uint32_t block)
{
    return g->blocks[block].address & ~UINT64_C(7);
}

static uint64_t *far_place(const struct leakgraph *g, const struct components *c, uint32_t block)
{
    return g->blocks[block].size == UINT32_MAX
               ? &c->far[leakgraph_big_place(g, g->blocks[block].address)]
               : NULL;
}

static void resume_at(const struct leakgraph *g, struct components *c, uint32_t linked, uint64_t at)
{
    uint32_t block = g->linked[linked];
    uint64_t words = (at - first_word(g, block) + g->options.step - 1) / g->options.step;
    uint64_t *far = far_place(g, c, block);

    if (far)
        *far = words;
    else
        c->resume[linked] = (uint32_t)words;
}

/* Bytes from the block's start. */
static uint64_t resume_from(const struct leakgraph *g, const struct components *c, uint32_t linked)
{
    uint32_t block = g->linked[linked];
    const uint64_t *far = far_place(g, c, block);
    uint64_t words = far ? *far : c->resume[linked];

    return words ? first_word(g, block) + words * g->options.step - g->blocks[block].address : 0;
}

/* --------------------------------------------------------------- components -- */

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
        set_bit(c->held, component_of(c, to));
        return;
    }
    if (c->index[to] < c->index[lost]) {
        c->index[lost] = c->index[to];
        set_bit(c->leads, lost);
    }
}

static void end_block(struct components *c)
{
    uint32_t lost = c->path;

    c->path = c->link[lost];
    if (has_bit(c->leads, lost)) {
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
    uint32_t lost = c->path;
    struct leakgraph_scan s;
    struct leakgraph_hit hit;

    leakgraph_scan_block(&s, g, g->linked[lost], resume_from(g, c, lost));
    while (leakgraph_scan_next(g, &s, &hit)) {
        uint32_t to;

        if (!leakgraph_is_linked(g, hit.block))
            continue;
        to = leakgraph_linked_number(g, hit.block);
        if (c->index[to] == 0) {
            resume_at(g, c, lost, s.at);
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

/* The first block of a component that nothing else holds is definitely lost, as are all others. */
static int find_lost_roots(struct leakgraph *g, struct components *c, struct error *e)
{
    uint32_t components = component_count(c), roots = 0, next = 0;

    for (uint32_t i = 0; i < components; i++)
        roots += !has_bit(c->held, i);
    g->lost = leakgraph_array(g, roots, sizeof *g->lost, e);
    if (!g->lost)
        return -1;
    g->lost_count = roots;
    for (uint32_t i = 0; i < c->count; i++) {
        if (has_bit(c->held, component_of(c, i)))
            continue;
        set_bit(c->held, component_of(c, i));
        g->kinds[g->linked[i]] = LEAK_DEFINITE;
        g->lost[next++] = (struct leakgraph_lost){.block = g->linked[i], .cycle = NONE};
    }
    return 0;
}

/* ----------------------------------------------------------------- cycles -- */

/* `of`: the cycle of a component, counted from 1; 0 for one of a single block. */
static void place_cycles(struct leakgraph *g, const struct components *c, const uint32_t *of)
{
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t number = of[component_of(c, i)], block = g->linked[i];
        struct leakgraph_cycle *cycle = &g->cycles[number ? number - 1 : 0];

        if (number == 0)
            continue;
        g->cycle_blocks[cycle->first + cycle->count++] = block;
        cycle->bytes += leakgraph_size(g, block);
    }
    for (uint32_t i = 0; i < g->lost_count; i++) {
        uint32_t number = of[component_of(c, leakgraph_linked_number(g, g->lost[i].block))];

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

    g->owner[leakgraph_linked_number(g, root->block)] = root->block;
    stack[count++] = root->block;
    while (count) {
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        leakgraph_scan_block(&s, g, stack[--count], 0);
        while (leakgraph_scan_next(g, &s, &hit)) {
            uint32_t *owner;

            if (!leakgraph_is_linked(g, hit.block))
                continue;
            owner = &g->owner[leakgraph_linked_number(g, hit.block)];
            if (*owner != NONE)
                continue;
            *owner = root->block;
            root->below.blocks++;
            root->below.bytes += leakgraph_size(g, hit.block);
            stack[count++] = hit.block;
        }
    }
}

static int find_owners(struct leakgraph *g, struct error *e)
{
    uint32_t *stack = leakgraph_array(g, g->linked_count, sizeof *stack, e);

    g->owner = leakgraph_array(g, g->linked_count, sizeof *g->owner, e);
    if (stack && g->owner) {
        memset(g->owner, 0xff, g->linked_count * sizeof *g->owner);
        for (uint32_t i = 0; i < g->lost_count; i++)
            own_from(g, &g->lost[i], stack);
    }
    leakgraph_array_free(g, stack, g->linked_count, sizeof *stack);
    return stack && g->owner ? 0 : -1;
}

/* ----------------------------------------------------------------- result -- */

/*
 * Which lost blocks refer to others.  All are definitely lost for now that are not; what is
 * unreadable of lost blocks is counted here.
 */
static void find_linked(struct leakgraph *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        if (!leakgraph_is_lost(g, i))
            continue;
        leakgraph_scan_block(&s, g, i, 0);
        s.counts = true;
        while (leakgraph_scan_next(g, &s, &hit)) {
            if (hit.block == i || !leakgraph_is_lost(g, hit.block))
                continue;
            set_bit(g->linked_bits, i);
            set_bit(g->linked_bits, hit.block);
        }
    }
}

/* How many linked ones come before each 64 blocks; all other lost blocks are definitely lost. */
static void count_linked(struct leakgraph *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (i % 64 == 0)
            g->linked_before[i / 64] = g->linked_count;
        if (leakgraph_is_linked(g, i))
            g->linked_count++;
        else if (leakgraph_is_lost(g, i))
            g->kinds[i] = LEAK_DEFINITE;
    }
}

static int list_linked(struct leakgraph *g, struct error *e)
{
    uint64_t groups = (uint64_t)g->count / 64 + 1;
    uint32_t next = 0;

    g->linked_bits = leakgraph_array(g, groups, sizeof *g->linked_bits, e);
    g->linked_before = leakgraph_array(g, groups, sizeof *g->linked_before, e);
    if (!g->linked_bits || !g->linked_before)
        return -1;
    find_linked(g);
    count_linked(g);
    if (!g->linked_count)
        return 0;
    g->linked = leakgraph_array(g, g->linked_count, sizeof *g->linked, e);
    if (!g->linked)
        return -1;
    for (uint32_t i = 0; i < g->count; i++)
        if (leakgraph_is_linked(g, i))
            g->linked[next++] = i;
    return 0;
}

static uint64_t bit_words(const struct components *c)
{
    return (uint64_t)c->count / 64 + 1;
}

static int make_search(struct leakgraph *g, struct components *c, struct error *e)
{
    c->index = leakgraph_array(g, c->count, sizeof *c->index, e);
    c->link = leakgraph_array(g, c->count, sizeof *c->link, e);
    c->resume = leakgraph_array(g, c->count, sizeof *c->resume, e);
    c->far = leakgraph_array(g, g->big_count, sizeof *c->far, e);
    c->leads = leakgraph_array(g, bit_words(c), sizeof *c->leads, e);
    c->held = leakgraph_array(g, bit_words(c), sizeof *c->held, e);
    return c->index && c->link && c->resume && c->far && c->leads && c->held ? 0 : -1;
}

/* What only the search for components needs. */
static void release_search(struct leakgraph *g, struct components *c)
{
    leakgraph_array_free(g, c->link, c->count, sizeof *c->link);
    leakgraph_array_free(g, c->resume, c->count, sizeof *c->resume);
    leakgraph_array_free(g, c->far, g->big_count, sizeof *c->far);
    leakgraph_array_free(g, c->leads, bit_words(c), sizeof *c->leads);
    c->link = c->resume = NULL;
    c->far = c->leads = NULL;
}

static int find_lost_structure(struct leakgraph *g, struct error *e)
{
    struct components c = {.count = g->linked_count};
    int result = make_search(g, &c, e);

    if (result == 0) {
        find_components(g, &c);
        release_search(g, &c);
        result = find_lost_roots(g, &c, e);
    }
    if (result == 0)
        result = find_cycles(g, &c, e);
    release_search(g, &c);
    leakgraph_array_free(g, c.held, bit_words(&c), sizeof *c.held);
    leakgraph_array_free(g, c.index, c.count, sizeof *c.index);
    return result;
}

int leakgraph_sort_lost(struct leakgraph *g, struct error *e)
{
    bool any = false;

    for (uint32_t i = 0; i < g->count && !any; i++)
        any = leakgraph_is_lost(g, i);
    if (!any)
        return 0;
    if (list_linked(g, e) != 0)
        return -1;
    if (!g->linked_count)
        return 0;
    return find_lost_structure(g, e) == 0 ? find_owners(g, e) : -1;
}

void leakgraph_forget_lost(struct leakgraph *g)
{
    uint64_t groups = (uint64_t)g->count / 64 + 1;

    leakgraph_array_free(g, g->lost, g->lost_count, sizeof *g->lost);
    leakgraph_array_free(g, g->cycles, g->cycle_count, sizeof *g->cycles);
    leakgraph_array_free(g, g->cycle_blocks, g->cycle_block_count, sizeof *g->cycle_blocks);
    leakgraph_array_free(g, g->linked_bits, groups, sizeof *g->linked_bits);
    leakgraph_array_free(g, g->linked_before, groups, sizeof *g->linked_before);
    leakgraph_array_free(g, g->linked, g->linked_count, sizeof *g->linked);
    leakgraph_array_free(g, g->owner, g->linked_count, sizeof *g->owner);
    g->lost = NULL;
    g->cycles = NULL;
    g->linked_bits = NULL;
    g->cycle_blocks = g->linked_before = g->linked = g->owner = NULL;
    g->lost_count = g->cycle_count = g->cycle_block_count = g->linked_count = 0;
}

uint32_t leakgraph_owner(const struct leakgraph *g, uint32_t block)
{
    if (!leakgraph_is_lost(g, block))
        return NONE;
    if (g->linked_bits && leakgraph_is_linked(g, block))
        return g->owner[leakgraph_linked_number(g, block)];
    return block;
}
