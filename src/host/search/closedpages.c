// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/closedpages.h"

#include "src/host/memory/growing.h"
#include "src/host/process/presentpages.h"

#include <stdlib.h>
#include <string.h>

struct finder {
    struct closedpages *closed;
    struct presentpages pages;
    bool asks;         /* the process can be asked which are there */
    bool full;         /* out of memory */
    uint64_t from, to; /* that is looked at */
};

/* Pages reach over the ends of what is looked at, and that of two ranges may overlap. */
static bool add(void *context, uint64_t start, uint64_t end)
{
    struct finder *f = context;
    struct closedpages *c = f->closed;

    start = start < f->from ? f->from : start;
    end = end > f->to ? f->to : end;
    if (c->count && start < c->rows[c->count - 1].end)
        start = c->rows[c->count - 1].end;
    if (start >= end)
        return true;
    if (!growing_reserve(&c->rows, c->count, sizeof(*c->rows))) {
        f->full = true;
        return false;
    }
    c->rows[c->count++] = (struct heap_range){start, end};
    return true;
}

/* The part of a mapping that lies in a range. */
static void look(struct finder *f, const struct heap_range *closed, uint64_t start, uint64_t end)
{
    uint64_t page = f->pages.page;

    f->from = closed->start > start ? closed->start : start;
    f->to = closed->end < end ? closed->end : end;
    if (f->from >= f->to || f->full)
        return;
    if (f->asks && presentpages_find(&f->pages, f->from & ~(page - 1),
                                     (f->to + page - 1) & ~(page - 1), true, add, f))
        return;
    if (!f->full) /* it is gone */
        add(f, f->from, f->to);
}

/* Blocks' slots are ascending, and so are the mappings. */
static void look_at_blocks(struct finder *f, const struct heapcopy *copy,
                           const struct leaklive *live)
{
    for (uint32_t i = 0; i < copy->closed_count; i++) {
        const struct heap_range *closed = &copy->closed[i];
        uint32_t slot = leaklive_slot_at(live, closed->start >> LEAKLIVE_SLOT_BITS);

        if (slot < live->slot_count && live->slots[slot].reach > closed->start)
            look(f, closed, closed->start, live->slots[slot].reach);
        else if (slot == live->slot_count && slot > 0)
            look(f, closed, live->slots[slot - 1].start,
                 live->slots[slot - 1].reach > live->slots[slot - 1].end
                     ? live->slots[slot - 1].reach
                     : live->slots[slot - 1].end);
        for (; slot < live->slot_count && live->slots[slot].start < closed->end; slot++)
            look(f, closed, live->slots[slot].start, live->slots[slot].end);
    }
}

static int by_start(const void *a, const void *b)
{
    const struct heap_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* Ascending and apart. */
static void merge(struct closedpages *c)
{
    uint32_t kept = 0;

    if (c->count)
        qsort(c->rows, c->count, sizeof(*c->rows), by_start);
    for (uint32_t i = 0; i < c->count; i++) {
        struct heap_range next = c->rows[i];

        if (kept && next.start <= c->rows[kept - 1].end) {
            if (next.end > c->rows[kept - 1].end)
                c->rows[kept - 1].end = next.end;
        } else {
            c->rows[kept++] = next;
        }
    }
    c->count = kept;
}

/* Named regions are few. */
static void look_at_roots(struct finder *f, const struct heapcopy *copy,
                          const struct leakroots *roots)
{
    for (uint32_t i = 0; i < roots->count; i++) {
        const struct leakroot *root = &roots->rows[i];
        struct closedpages found = {NULL, 0};
        struct closedpages *all = f->closed;

        if (root->kind != ROOT_NAMED)
            continue;
        f->closed = &found; /* which begins anew: add() takes them ascending */
        for (uint32_t k = 0; k < copy->closed_count; k++)
            look(f, &copy->closed[k], root->start, root->start + root->size);
        f->closed = all;
        for (uint32_t k = 0; k < found.count && !f->full; k++) {
            f->full = !growing_reserve(&all->rows, all->count, sizeof(*all->rows));
            if (!f->full)
                all->rows[all->count++] = found.rows[k];
        }
        free(found.rows);
    }
}

int closedpages_find(struct closedpages *c, const struct heapcopy *copy,
                     const struct leaklive *live, const struct leakroots *roots, struct error *e)
{
    struct finder f = {.closed = c};

    memset(c, 0, sizeof(*c));
    if (!copy->closed_count)
        return 0;
    f.asks = presentpages_init(&f.pages, copy->thread, NULL) == 0;
    look_at_blocks(&f, copy, live);
    look_at_roots(&f, copy, roots);
    if (f.asks)
        presentpages_release(&f.pages);
    merge(c);
    if (!f.full)
        return 0;
    closedpages_release(c);
    return error_set(e, ERROR_MEMORY, "out of memory for a search for leaks");
}

void closedpages_release(struct closedpages *c)
{
    free(c->rows);
    memset(c, 0, sizeof(*c));
}

static uint64_t overlap(const struct heap_range *r, uint64_t start, uint64_t size)
{
    uint64_t end = start + size;

    start = r->start > start ? r->start : start;
    end = r->end < end ? r->end : end;
    return end > start ? end - start : 0;
}

/* The last block that begins at or before an address, or the first. */
static uint32_t block_near(const struct leakgraph *g, uint64_t address)
{
    uint32_t low = 0, high = g->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (g->blocks[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

uint64_t closedpages_bytes(const struct closedpages *c, const struct leakgraph *g,
                           const struct leakroots *roots)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        for (uint32_t b = block_near(g, c->rows[i].start);
             b < g->count && g->blocks[b].address < c->rows[i].end; b++)
            bytes += overlap(&c->rows[i], g->blocks[b].address, leakgraph_size(g, b));
        for (uint32_t k = 0; k < roots->count; k++)
            if (roots->rows[k].kind == ROOT_NAMED)
                bytes += overlap(&c->rows[i], roots->rows[k].start, roots->rows[k].size);
    }
    return bytes;
}
