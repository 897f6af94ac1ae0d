// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* ------------------------------------------------------------------ cycles -- */

/* A breadth-first search from one block of a cycle back to it. */
struct round {
    const struct profile *profile;
    uint32_t *parent, *queue;
    uint32_t head, tail;
    uint32_t first, number;
    uint32_t last; /* the block that refers to the first; NONE while none is found */
};

static bool follow(void *context, const struct leakgraph_reference *r)
{
    struct round *c = context;

    if (c->profile->blocks[r->to].cycle != c->number)
        return true;
    if (r->to == c->first && r->from != c->first) {
        c->last = r->from;
        return false;
    }
    if (c->parent[r->to] == NONE && r->to != c->first) {
        c->parent[r->to] = r->from;
        c->queue[c->tail++] = r->to;
    }
    return true;
}

static int take_round(struct why *w, const struct round *c, struct error *e)
{
    uint32_t count = 1;

    for (uint32_t i = c->last; i != c->first; i = c->parent[i])
        count++;
    w->cycle = calloc(count, sizeof *w->cycle);
    if (!w->cycle)
        return error_set(e, ERROR_MEMORY, "out of memory for a cycle of %u blocks", count);
    w->cycle_count = count;
    for (uint32_t i = c->last; i != c->first; i = c->parent[i])
        w->cycle[--count] = i;
    w->cycle[0] = c->first;
    return 0;
}

static int find_cycle(struct why *w, struct heapimage *h, uint32_t first, struct error *e)
{
    const struct profile *p = h->profile;
    struct round c = {.profile = p, .first = first, .number = p->blocks[first].cycle, .last = NONE};
    int result = -1;

    for (uint32_t i = 0; i < p->block_count; i++)
        w->cycle_blocks += p->blocks[i].cycle == c.number;
    c.parent = malloc(((size_t)p->block_count + 1) * sizeof *c.parent);
    c.queue = malloc(((size_t)w->cycle_blocks + 1) * sizeof *c.queue);
    if (c.parent && c.queue) {
        memset(c.parent, 0xff, p->block_count * sizeof *c.parent);
        c.queue[c.tail++] = first;
        while (c.head < c.tail && c.last == NONE)
            leakgraph_referents(&h->graph, c.queue[c.head++], follow, &c);
        result = c.last == NONE ? 0 : take_round(w, &c, e);
    } else {
        error_set(e, ERROR_MEMORY, "out of memory for a cycle of %u blocks", w->cycle_blocks);
    }
    free(c.parent);
    free(c.queue);
    return result;
}

/* ------------------------------------------------------------------- chain -- */

/* A chain of lost blocks begins at the one that everything on it counts under. */
static void find_start(struct why *w, const struct heapimage *h)
{
    const struct leakgraph *g = &h->graph;

    w->start = NONE;
    if (w->kept && leakgraph_kind(g, w->block) >= LEAK_DEFINITE)
        w->start = leakgraph_owner(g, w->block);
}

static int find_chain(struct why *w, struct heapimage *h, struct error *e)
{
    uint32_t stored = h->profile->blocks[w->block].kind;

    w->kept = leakgraph_kind(&h->graph, w->block) == stored;
    if (w->kept && leakgraph_why(&h->graph, w->block, &w->path, e) != 0)
        return -1;
    w->kept = w->kept && (w->path.count || stored == LEAK_DEFINITE);
    find_start(w, h);
    return 0;
}

static int find_retained(struct why *w, struct heapimage *h, struct error *e)
{
    w->retained = h->profile->blocks[w->block].retained;
    if (w->retained || h->profile->search.graph != GRAPH_WHOLE)
        return 0;
    if (!h->graph.retained && leakgraph_dominate(&h->graph, e) != 0)
        return -1;
    w->retained = h->graph.retained[w->block];
    return 0;
}

int why_find(struct why *w, struct heapimage *h, uint32_t block, struct error *e)
{
    const struct profile_block *blocks = h->profile->blocks;
    int result;

    *w = (struct why){.block = block, .start = NONE};
    result = find_chain(w, h, e);
    if (result == 0)
        result = find_retained(w, h, e);
    if (result == 0 && blocks[block].cycle)
        result = find_cycle(w, h, block, e);
    else if (result == 0 && w->start != NONE && blocks[w->start].cycle)
        result = find_cycle(w, h, w->start, e);
    if (result != 0)
        why_release(w);
    return result;
}

void why_release(struct why *w)
{
    leakgraph_path_release(&w->path);
    free(w->cycle);
    *w = (struct why){.block = NONE};
}

/* --------------------------------------------------------------- addresses -- */

/* All of `text`, which begins with a digit of the base, as a number. */
static bool parse(const char *text, int base, const char *digits, uint64_t *value)
{
    uint64_t number;
    char *end;

    if (*text == '\0' || text[strspn(text, digits)] != '\0')
        return false;
    errno = 0;
    number = strtoull(text, &end, base);
    if (*end != '\0' || errno)
        return false;
    *value = number;
    return true;
}

#define DECIMAL "0123456789"
#define HEXADECIMAL DECIMAL "abcdefABCDEF"

uint32_t why_parse_address(const char *text, uint64_t addresses[2])
{
    uint32_t count = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return parse(text + 2, 16, HEXADECIMAL, &addresses[0]);
    count += parse(text, 10, DECIMAL, &addresses[count]);
    count += parse(text, 16, HEXADECIMAL, &addresses[count]);
    return count;
}
