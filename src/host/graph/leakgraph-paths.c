// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakgraph-scan.h"

#include <stdlib.h>

#define NONE LEAKGRAPH_NONE

/* ---------------------------------------------------- referents, referrers -- */

static struct leakgraph_reference reference_of(const struct leakgraph_hit *hit)
{
    return (struct leakgraph_reference){
        .from = NONE, .root = NONE, .to = hit->block, .into = hit->into, .pointer = hit->pointer};
}

/* The references of one block to `to`, NONE: to all.  False when the visitor has enough. */
static bool visit_block(struct leakgraph *g, uint32_t block, uint32_t to, leakgraph_visit *visit,
                        void *context)
{
    struct leakgraph_scan s;
    struct leakgraph_hit hit;

    leakgraph_scan_block(&s, g, block, 0);
    while (leakgraph_scan_next(g, &s, &hit)) {
        struct leakgraph_reference r = reference_of(&hit);

        if (to != NONE && hit.block != to)
            continue;
        r.from = block;
        r.offset = s.found - g->blocks[block].address;
        if (!visit(context, &r))
            return false;
    }
    return true;
}

void leakgraph_referents(struct leakgraph *g, uint32_t block, leakgraph_visit *visit, void *context)
{
    visit_block(g, block, NONE, visit, context);
}

struct root_visit {
    uint32_t to;
    uint32_t kind;
    leakgraph_visit *visit;
    void *context;
};

static bool visit_root_hit(struct leakgraph *g, void *context, uint32_t root, uint64_t offset,
                           const struct leakgraph_hit *hit)
{
    const struct root_visit *v = context;
    struct leakgraph_reference r = reference_of(hit);

    (void)g;
    if (v->to != NONE && hit->block != v->to)
        return true;
    r.root = root;
    r.kind = v->kind;
    r.offset = offset;
    return v->visit(v->context, &r);
}

/* All roots, then all weak regions, for references to one block, NONE: to all. */
static bool visit_roots(struct leakgraph *g, uint32_t to, bool roots, bool weak,
                        leakgraph_visit *visit, void *context)
{
    struct root_visit v = {to, ROOT_WEAK, visit, context};

    for (uint32_t i = 0; roots && i < g->root_count; i++) {
        v.kind = g->roots[i].kind;
        if (!leakgraph_root_hits(g, i, false, visit_root_hit, &v))
            return false;
    }
    v.kind = ROOT_WEAK;
    for (uint32_t i = 0; weak && i < g->weak_count; i++)
        if (!leakgraph_weak_hits(g, i, false, visit_root_hit, &v))
            return false;
    return true;
}

void leakgraph_root_references(struct leakgraph *g, leakgraph_visit *visit, void *context)
{
    visit_roots(g, NONE, true, true, visit, context);
}

void leakgraph_referrers(struct leakgraph *g, uint32_t block, leakgraph_visit *visit, void *context)
{
    uint64_t last = g->low + g->span - g->blocks[block].address, span = leakgraph_size(g, block);

    /* words that point elsewhere are passed over before they are looked up */
    g->sought = g->blocks[block].address;
    g->sought_span = span + 8 < last ? span + 8 : last;
    if (visit_roots(g, block, true, true, visit, context))
        for (uint32_t i = 0; i < g->count; i++)
            if (!visit_block(g, i, block, visit, context))
                break;
    g->sought = g->low;
    g->sought_span = g->span;
}

/* -------------------------------------------------------------------- why -- */

/* A breadth-first search: which blocks it may pass, and by which pointers. */
struct search {
    uint32_t *parent; /* of a block; itself at the first, NONE not reached */
    uint32_t *queue;
    uint32_t head, tail;
    uint32_t target;
    enum leak_kind kind;
    uint16_t holder;
};

static bool passes(const struct leakgraph *g, const struct search *q,
                   const struct leakgraph_hit *hit)
{
    enum leak_kind kind = leakgraph_kind(g, hit->block);

    switch (q->kind) {
    case LEAK_REACHABLE:
        return hit->pointer != POINTER_INTERIOR;
    case LEAK_WEAK:
        return kind == LEAK_WEAK && leakgraph_holder(g, hit->block) == q->holder;
    case LEAK_INDIRECT:
        return kind >= LEAK_DEFINITE;
    default:
        return true;
    }
}

static void reach(struct search *q, uint32_t block, uint32_t parent)
{
    if (q->parent[block] != NONE)
        return;
    q->parent[block] = parent;
    q->queue[q->tail++] = block;
}

static bool reach_from_root(struct leakgraph *g, void *context, uint32_t root, uint64_t offset,
                            const struct leakgraph_hit *hit)
{
    struct search *q = context;

    (void)root;
    (void)offset;
    if (passes(g, q, hit))
        reach(q, hit->block, hit->block);
    return true;
}

static void begin_search(struct leakgraph *g, struct search *q)
{
    switch (q->kind) {
    case LEAK_WEAK:
        leakgraph_weak_hits(g, q->holder, false, reach_from_root, q);
        break;
    case LEAK_DEFINITE:
    case LEAK_INDIRECT:
        reach(q, leakgraph_owner(g, q->target), leakgraph_owner(g, q->target));
        break;
    default:
        for (uint32_t i = 0; i < g->root_count; i++)
            leakgraph_root_hits(g, i, false, reach_from_root, q);
    }
}

static void search(struct leakgraph *g, struct search *q)
{
    begin_search(g, q);
    while (q->head < q->tail && q->parent[q->target] == NONE) {
        uint32_t block = q->queue[q->head++];
        struct leakgraph_scan s;
        struct leakgraph_hit hit;

        leakgraph_scan_block(&s, g, block, 0);
        while (leakgraph_scan_next(g, &s, &hit))
            if (passes(g, q, &hit))
                reach(q, hit.block, block);
    }
}

/* Takes the first reference that the search would have followed. */
struct first_step {
    const struct leakgraph *graph;
    const struct search *search;
    struct leakgraph_reference *step;
    bool found;
};

static bool take_first(void *context, const struct leakgraph_reference *r)
{
    struct first_step *first = context;
    struct leakgraph_hit hit = {r->to, r->pointer, r->into};

    if (!passes(first->graph, first->search, &hit))
        return true;
    *first->step = *r;
    first->found = true;
    return false;
}

static uint32_t steps_to(const struct search *q, uint32_t block)
{
    uint32_t count = 0;

    if (q->parent[block] == NONE)
        return 0;
    for (; q->parent[block] != block; block = q->parent[block])
        count++;
    return count;
}

/* The chain backwards from the target, each step looked for in its block again. */
static void fill_path(struct leakgraph *g, const struct search *q, struct leakgraph_path *path)
{
    struct first_step first = {.graph = g, .search = q};
    uint32_t block = q->target, i = path->count;

    for (; q->parent[block] != block; block = q->parent[block]) {
        first.step = &path->steps[--i];
        visit_block(g, q->parent[block], block, take_first, &first);
        if (q->parent[q->parent[block]] == q->parent[block] && q->kind >= LEAK_DEFINITE)
            first.step->kind = ROOT_LOST;
    }
    if (i == 0) /* begins at a lost block */
        return;
    first.step = &path->steps[0];
    visit_roots(g, block, q->kind <= LEAK_POSSIBLE, q->kind == LEAK_WEAK, take_first, &first);
}

static int find_path(struct leakgraph *g, struct search *q, struct leakgraph_path *path,
                     struct error *e)
{
    bool from_root = q->kind <= LEAK_WEAK;

    memset(q->parent, 0xff, g->count * sizeof *q->parent);
    search(g, q);
    if (q->parent[q->target] == NONE)
        return 0;
    path->count = steps_to(q, q->target) + from_root;
    path->steps = calloc(path->count ? path->count : 1, sizeof *path->steps);
    if (!path->steps)
        return error_set(e, ERROR_MEMORY, "out of memory while looking for a path of %u steps",
                         path->count);
    fill_path(g, q, path);
    return 0;
}

int leakgraph_why(struct leakgraph *g, uint32_t block, struct leakgraph_path *path, struct error *e)
{
    struct search q = {
        .target = block, .kind = leakgraph_kind(g, block), .holder = leakgraph_holder(g, block)};
    int result = -1;

    *path = (struct leakgraph_path){0};
    q.parent = leakgraph_array(g, g->count, sizeof *q.parent, e);
    q.queue = leakgraph_array(g, g->count, sizeof *q.queue, e);
    if (q.parent && q.queue)
        result = find_path(g, &q, path, e);
    leakgraph_array_free(g, q.parent, g->count, sizeof *q.parent);
    leakgraph_array_free(g, q.queue, g->count, sizeof *q.queue);
    return result;
}

void leakgraph_path_release(struct leakgraph_path *path)
{
    free(path->steps);
    *path = (struct leakgraph_path){0};
}
