// SPDX-License-Identifier: Apache-2.0
/*
 * Lengauer and Tarjan's algorithm over vertices numbered in the order of a
 * depth-first search; 0 is a root of all roots.  What is stored of the edges
 * are those from a vertex to one with a smaller number: the others only lower
 * a semidominator to the number they come from, at once.
 *
 * To save memory the forest's ancestors share the array of parents, which a
 * vertex needs no longer once it is linked; a bucket's head lies in the label
 * of its vertex, which is not linked while its bucket has anything in it; and
 * the bucket's list runs through the dominators that are not known yet.
 */
#include "src/host/graph/leakgraph-scan.h"

#define NONE LEAKGRAPH_NONE

struct dominators {
    uint32_t n;       /* vertices without 0 */
    uint32_t *number; /* of a block; 0: not reached */
    uint32_t *vertex; /* the block of a number */
    uint32_t *parent; /* in the depth-first tree; of a linked vertex: ancestor */
    uint64_t *resume;
    uint64_t *sources; /* a bit a block: held by a root */
    uint32_t *semi;
    uint32_t *label;
    uint32_t *next;   /* dominator, or the next in a bucket */
    uint32_t *first;  /* of `before`, where a vertex's begin */
    uint32_t *before; /* edges from larger numbers */
    uint64_t edges;
    uint32_t linked; /* all from here on are */
};

/* ---------------------------------------------------- depth-first numbers -- */

static bool is_source(struct leakgraph *g, void *context, uint32_t root, uint64_t offset,
                      const struct leakgraph_hit *hit)
{
    struct dominators *d = context;

    (void)g;
    (void)root;
    (void)offset;
    d->sources[hit->block / 64] |= UINT64_C(1) << hit->block % 64;
    return true;
}

static bool is_from_root(const struct dominators *d, uint32_t block)
{
    return d->sources[block / 64] >> block % 64 & 1;
}

static void find_sources(struct leakgraph *g, struct dominators *d)
{
    for (uint32_t i = 0; i < g->root_count; i++)
        leakgraph_root_hits(g, i, false, is_source, d);
    for (uint32_t i = 0; i < g->weak_count; i++)
        leakgraph_weak_hits(g, i, false, is_source, d);
    for (uint32_t i = 0; i < g->count; i++)
        if (leakgraph_kind(g, i) == LEAK_DEFINITE)
            d->sources[i / 64] |= UINT64_C(1) << i % 64;
}

static void number_block(struct dominators *d, uint32_t block, uint32_t parent)
{
    uint32_t number = ++d->n;

    d->number[block] = number;
    d->vertex[number] = block;
    d->parent[number] = parent;
}

/* Everything not numbered yet that a source leads to. */
static void number_from(struct leakgraph *g, struct dominators *d, uint32_t source)
{
    uint32_t at;

    number_block(d, source, 0);
    at = d->n;
    while (at) {
        uint32_t block = d->vertex[at];
        struct leakgraph_scan s;
        struct leakgraph_hit hit;
        bool deeper = false;

        leakgraph_scan_block(&s, g, block, d->resume[at]);
        while (!deeper && leakgraph_scan_next(g, &s, &hit))
            deeper = d->number[hit.block] == 0;
        d->resume[at] = s.at - g->blocks[block].address;
        if (deeper) {
            number_block(d, hit.block, at);
            at = d->n;
        } else {
            at = d->parent[at];
        }
    }
}

/* ------------------------------------------------------------------ edges -- */

/* One scan of what is reached: semidominators from smaller numbers, the others counted or kept. */
static void scan_edges(struct leakgraph *g, struct dominators *d, bool keep)
{
    for (uint32_t v = 1; v <= d->n; v++) {
        struct leakgraph_scan s;
        struct leakgraph_hit hit;
        uint32_t last = NONE;

        leakgraph_scan_block(&s, g, d->vertex[v], 0);
        while (leakgraph_scan_next(g, &s, &hit)) {
            uint32_t w = d->number[hit.block];

            if (w == v || hit.block == last)
                continue;
            last = hit.block;
            if (v > w && keep)
                d->before[--d->first[w]] = v;
            else if (v > w)
                d->first[w]++;
            else if (d->semi[w] > v)
                d->semi[w] = v;
        }
    }
}

static int gather_edges(struct leakgraph *g, struct dominators *d, struct error *e)
{
    uint64_t sum = 0;

    for (uint32_t v = 1; v <= d->n; v++)
        d->semi[v] = is_from_root(d, d->vertex[v]) ? 0 : d->parent[v];
    scan_edges(g, d, false);
    for (uint32_t v = 1; v <= d->n; v++)
        sum += d->first[v];
    if (sum > UINT32_MAX)
        return error_set(e, ERROR_REFUSED,
                         "more than 4,294,967,295 references between blocks: retained sizes "
                         "cannot be computed");
    d->edges = sum;
    d->before = leakgraph_array(g, sum, sizeof *d->before, e);
    if (!d->before)
        return -1;
    sum = 0;
    for (uint32_t v = 1; v <= d->n; v++) { /* where they end; filling moves it to the start */
        sum += d->first[v];
        d->first[v] = (uint32_t)sum;
    }
    d->first[d->n + 1] = (uint32_t)sum;
    scan_edges(g, d, true);
    return 0;
}

/* ------------------------------------------------------------- dominators -- */

/*
 * The vertex with the least semidominator on the way from `v` up to below the
 * root of its tree.  The way is climbed with its links turned round, then
 * descended again while they are set to the tree's root.
 */
static uint32_t eval(struct dominators *d, uint32_t v)
{
    uint32_t below = NONE, at = v, root;

    while (d->parent[at] >= d->linked) {
        uint32_t above = d->parent[at];

        d->parent[at] = below;
        below = at;
        at = above;
    }
    root = d->parent[at];
    while (below != NONE) {
        uint32_t next = d->parent[below];

        if (d->semi[d->label[at]] < d->semi[d->label[below]])
            d->label[below] = d->label[at];
        d->parent[below] = root;
        at = below;
        below = next;
    }
    return d->label[v];
}

static void empty_bucket(struct dominators *d, uint32_t of)
{
    uint32_t v = d->label[of];

    while (v != NONE) {
        uint32_t next = d->next[v], least = eval(d, v);

        d->next[v] = d->semi[least] < d->semi[v] ? least : of;
        v = next;
    }
    d->label[of] = NONE;
}

static void find_dominators(struct dominators *d)
{
    for (uint32_t v = 0; v <= d->n; v++)
        d->label[v] = NONE; /* an empty bucket */
    d->linked = d->n + 1;
    for (uint32_t w = d->n; w >= 1; w--) {
        uint32_t parent = d->parent[w];

        for (uint32_t i = d->first[w]; i < d->first[w + 1]; i++) {
            uint32_t least = eval(d, d->before[i]);

            if (d->semi[least] < d->semi[w])
                d->semi[w] = d->semi[least];
        }
        d->next[w] = d->label[d->semi[w]];
        d->label[d->semi[w]] = w;
        d->label[w] = w;
        d->linked = w;
        empty_bucket(d, parent);
    }
    for (uint32_t w = 1; w <= d->n; w++)
        if (d->next[w] != d->semi[w])
            d->next[w] = d->next[d->next[w]];
}

/* ----------------------------------------------------------------- result -- */

static int take_result(struct leakgraph *g, const struct dominators *d, struct error *e)
{
    g->dominator = leakgraph_array(g, g->count, sizeof *g->dominator, e);
    g->retained = leakgraph_array(g, g->count, sizeof *g->retained, e);
    if (!g->dominator || !g->retained)
        return -1;
    memset(g->dominator, 0xff, g->count * sizeof *g->dominator);
    for (uint32_t i = 0; i < g->count; i++)
        g->retained[i] = leakgraph_size(g, i);
    for (uint32_t v = d->n; v >= 1; v--) {
        uint32_t block = d->vertex[v], by = d->next[v];

        if (by == 0)
            continue;
        g->dominator[block] = d->vertex[by];
        g->retained[d->vertex[by]] += g->retained[block];
    }
    return 0;
}

static void forget(struct leakgraph *g, uint32_t **array, uint64_t count)
{
    leakgraph_array_free(g, *array, count, sizeof **array);
    *array = NULL;
}

static uint32_t *numbers(struct leakgraph *g, struct error *e)
{
    return leakgraph_array(g, (uint64_t)g->count + 2, sizeof(uint32_t), e);
}

static int number_all(struct leakgraph *g, struct dominators *d, struct error *e)
{
    uint64_t room = (uint64_t)g->count + 2;

    d->number = numbers(g, e);
    d->vertex = numbers(g, e);
    d->parent = numbers(g, e);
    d->resume = leakgraph_array(g, room, sizeof *d->resume, e);
    d->sources = leakgraph_array(g, room / 64 + 1, sizeof *d->sources, e);
    if (!d->number || !d->vertex || !d->parent || !d->resume || !d->sources)
        return -1;
    find_sources(g, d);
    for (uint32_t i = 0; i < g->count; i++)
        if (is_from_root(d, i) && d->number[i] == 0)
            number_from(g, d, i);
    leakgraph_array_free(g, d->resume, room, sizeof *d->resume);
    d->resume = NULL;
    return 0;
}

static int compute(struct leakgraph *g, struct dominators *d, struct error *e)
{
    uint64_t room = (uint64_t)g->count + 2;

    if (number_all(g, d, e) != 0)
        return -1;
    d->semi = numbers(g, e);
    d->first = numbers(g, e);
    if (!d->semi || !d->first || gather_edges(g, d, e) != 0)
        return -1;
    forget(g, &d->number, room);
    d->label = numbers(g, e);
    d->next = numbers(g, e);
    if (!d->label || !d->next)
        return -1;
    find_dominators(d);
    forget(g, &d->parent, room);
    forget(g, &d->before, d->edges);
    forget(g, &d->first, room);
    forget(g, &d->semi, room);
    forget(g, &d->label, room);
    return take_result(g, d, e);
}

int leakgraph_dominate(struct leakgraph *g, struct error *e)
{
    uint64_t room = (uint64_t)g->count + 2;
    struct dominators d = {0};
    int result;

    leakgraph_array_free(g, g->dominator, g->count, sizeof *g->dominator);
    leakgraph_array_free(g, g->retained, g->count, sizeof *g->retained);
    g->dominator = NULL;
    g->retained = NULL;
    result = compute(g, &d, e);
    leakgraph_array_free(g, d.resume, room, sizeof *d.resume);
    leakgraph_array_free(g, d.sources, room / 64 + 1, sizeof *d.sources);
    forget(g, &d.number, room);
    forget(g, &d.vertex, room);
    forget(g, &d.parent, room);
    forget(g, &d.semi, room);
    forget(g, &d.label, room);
    forget(g, &d.next, room);
    forget(g, &d.first, room);
    forget(g, &d.before, d.edges);
    return result;
}

/* ----------------------------------------------------------------- groups -- */

/* The dominator tree turned round; index count is its root. */
struct children {
    uint32_t *first, *next;
};

static void make_children(const struct leakgraph *g, struct children *c)
{
    for (uint32_t i = 0; i <= g->count; i++)
        c->first[i] = NONE;
    for (uint32_t i = g->count; i-- > 0;) {
        uint32_t by = g->dominator[i] == NONE ? g->count : g->dominator[i];

        c->next[i] = c->first[by];
        c->first[by] = i;
    }
}

/* Depth-first without a stack: the way back is the dominator. */
static void sum_groups(const struct leakgraph *g, const struct children *c, const uint32_t *group,
                       uint32_t *open, uint64_t *bytes)
{
    uint32_t at = c->first[g->count];

    while (at != NONE) {
        uint32_t up;

        if (open[group[at]]++ == 0)
            bytes[group[at]] += g->retained[at];
        if (c->first[at] != NONE) {
            at = c->first[at];
            continue;
        }
        for (up = at; up != NONE; up = g->dominator[up]) {
            open[group[up]]--;
            if (c->next[up] != NONE)
                break;
        }
        at = up == NONE ? NONE : c->next[up];
    }
}

int leakgraph_retained_by_group(struct leakgraph *g, const uint32_t *group, uint32_t group_count,
                                uint64_t *bytes, struct error *e)
{
    struct children c = {numbers(g, e), numbers(g, e)};
    uint32_t *open = leakgraph_array(g, group_count, sizeof *open, e);
    uint64_t room = (uint64_t)g->count + 2;
    int result = c.first && c.next && open ? 0 : -1;

    if (result == 0) {
        memset(bytes, 0, group_count * sizeof *bytes);
        make_children(g, &c);
        sum_groups(g, &c, group, open, bytes);
    }
    forget(g, &c.first, room);
    forget(g, &c.next, room);
    leakgraph_array_free(g, open, group_count, sizeof *open);
    return result;
}
