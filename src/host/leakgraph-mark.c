// SPDX-License-Identifier: Apache-2.0
#include "src/host/leakgraph-scan.h"

/*
 * LEAK_INDIRECT stands for "not held by anything yet" until leakgraph_sort_lost
 * has told the lost roots from what is under them.
 */
struct marking {
    uint32_t *stack; /* blocks to scan: each is pushed once a level, so there is room for all */
    uint32_t count;
    uint16_t region; /* while what weak regions hold is marked */
};

/* What one reference does to the block it points to, while `level` is being marked. */
static inline __attribute__((always_inline)) void mark_hit(struct leakgraph *g, struct marking *m,
                                                           enum leak_kind level,
                                                           const struct leakgraph_hit *hit)
{
    struct leakgraph_block *b = &g->blocks[hit->block];

    if (level == LEAK_REACHABLE && hit->pointer == POINTER_INTERIOR) {
        /* scanned by the next level, unless a better pointer turns up */
        if (b->kind > LEAK_POSSIBLE)
            b->kind = LEAK_POSSIBLE;
        return;
    }
    if (b->kind <= level)
        return;
    b->kind = level;
    if (level == LEAK_WEAK)
        b->holder = m->region;
    m->stack[m->count++] = hit->block;
}

static inline __attribute__((always_inline)) void close_over(struct leakgraph *g, struct marking *m,
                                                             enum leak_kind level)
{
    while (m->count) {
        uint32_t block = m->stack[--m->count];
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        leakgraph_scan_block(&s, g, block, 0);
        s.counts = true;
        while (leakgraph_scan_next(g, &s, &hit))
            mark_hit(g, m, level, &hit);
    }
}

static bool mark_from_root(struct leakgraph *g, void *context, uint32_t root, uint64_t offset,
                           const struct leakgraph_hit *hit)
{
    (void)root;
    (void)offset;
    mark_hit(g, context, LEAK_REACHABLE, hit);
    return true;
}

static void mark_reachable(struct leakgraph *g, struct marking *m)
{
    for (uint32_t i = 0; i < g->root_count; i++) {
        leakgraph_root_hits(g, i, true, mark_from_root, m);
        close_over(g, m, LEAK_REACHABLE);
    }
}

static void mark_possible(struct leakgraph *g, struct marking *m)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->blocks[i].kind == LEAK_POSSIBLE)
            m->stack[m->count++] = i;
    close_over(g, m, LEAK_POSSIBLE);
}

/* ----------------------------------------------------------- weak regions -- */

static bool mark_from_weak(struct leakgraph *g, void *context, uint32_t region, uint64_t offset,
                           const struct leakgraph_hit *hit)
{
    (void)region;
    (void)offset;
    mark_hit(g, context, LEAK_WEAK, hit);
    return true;
}

/* A weak region inside a block that is lost holds nothing. */
static bool is_in_lost_block(const struct leakgraph *g, const struct leakgraph_root *region)
{
    uint32_t block = leakgraph_find(g, region->start);

    return block != LEAKGRAPH_NONE && leakgraph_is_lost(g, block);
}

/* A region may lie in a block that only a later one holds: go round until nothing changes. */
static int mark_weak(struct leakgraph *g, struct marking *m, struct error *e)
{
    bool *done = leakgraph_array(g, g->weak_count, sizeof *done, e);
    bool changed = true;

    if (!done)
        return -1;
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < g->weak_count; i++) {
            if (done[i] || is_in_lost_block(g, &g->weak[i]))
                continue;
            m->region = (uint16_t)i;
            leakgraph_weak_hits(g, i, true, mark_from_weak, m);
            close_over(g, m, LEAK_WEAK);
            done[i] = changed = true;
        }
    }
    leakgraph_array_free(g, done, g->weak_count, sizeof *done);
    return 0;
}

/* ----------------------------------------------------------------- result -- */

static void forget_marks(struct leakgraph *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        g->blocks[i].kind = LEAK_INDIRECT;
    leakgraph_array_free(g, g->lost, g->lost_count, sizeof *g->lost);
    leakgraph_array_free(g, g->cycles, g->cycle_count, sizeof *g->cycles);
    leakgraph_array_free(g, g->cycle_blocks, g->cycle_block_count, sizeof *g->cycle_blocks);
    leakgraph_array_free(g, g->owner, g->count, sizeof *g->owner);
    g->lost = NULL;
    g->cycles = NULL;
    g->cycle_blocks = g->owner = NULL;
    g->lost_count = g->cycle_count = g->cycle_block_count = 0;
    g->unreadable_bytes = 0;
}

static void add_up(struct leakgraph *g)
{
    memset(g->sums, 0, sizeof g->sums);
    for (uint32_t i = 0; i < g->count; i++) {
        struct leakgraph_sum *sum = &g->sums[g->blocks[i].kind];

        sum->blocks++;
        sum->bytes += leakgraph_size(g, i);
    }
}

int leakgraph_mark(struct leakgraph *g, struct error *e)
{
    struct marking m = {.stack = leakgraph_array(g, g->count, sizeof *m.stack, e)};
    int result;

    if (!m.stack)
        return -1;
    forget_marks(g);
    mark_reachable(g, &m);
    mark_possible(g, &m);
    result = g->weak_count ? mark_weak(g, &m, e) : 0;
    leakgraph_array_free(g, m.stack, g->count, sizeof *m.stack);
    if (result == 0)
        result = leakgraph_sort_lost(g, e);
    add_up(g);
    return result;
}
