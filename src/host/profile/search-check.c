// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/search-check.h"

#include "src/host/graph/leakgraph.h"

static bool string_valid(string_id id, uint32_t strings)
{
    return id == 0 || id < strings;
}

static bool row_valid(const struct profile_search *s, uint32_t strings)
{
    bool step = s->step == 0 || s->step == 1 || s->step == 2 || s->step == 4 || s->step == 8;

    return s->cause <= SEARCH_BY_PROGRAM && s->method <= SEARCH_SIGNAL && s->graph <= GRAPH_WHOLE &&
           s->contents <= PROFILE_CONTENTS_BYTES && step && s->compressed <= 1 &&
           s->low_tags <= 1 && s->past_end <= 1 && s->duplicates <= 1 && s->compressed_shift < 32 &&
           string_valid(s->why, strings) && string_valid(s->suppressions, strings);
}

/* Nothing may speak of a search that was not, nor of a graph that was not kept. */
static bool rows_expected(const struct profile *p)
{
    if (p->search.number == 0 && (p->search.cause || p->leak_count || p->root_count ||
                                  p->content_count || p->duplicate_count))
        return false;
    return p->search.graph != GRAPH_NONE ||
           !(p->block_count || p->pointer_count || p->exception_count);
}

static bool leak_valid(const struct profile *p, uint32_t i, uint32_t sites)
{
    const struct profile_leak *l = &p->leaks[i];

    if (l->site >= sites || l->kind >= LEAK_KINDS || l->blocks == 0)
        return false;
    return l->kind != LEAK_WEAK
               ? l->holder == 0
               : l->holder < p->root_count && p->roots[l->holder].kind == ROOT_WEAK;
}

/* No address of a program's own: sums of addresses and sizes stay far from wrapping round. */
#define ADDRESS_END (UINT64_C(1) << 63)

static bool block_valid(const struct profile *p, uint32_t i, uint32_t sites)
{
    const struct profile_block *b = &p->blocks[i];

    return b->site < sites && b->kind < LEAK_KINDS && b->address < ADDRESS_END &&
           b->size <= ADDRESS_END - b->address && (i == 0 || b[-1].address < b->address);
}

static bool pointer_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_pointer *row = &p->pointers[i];

    return string_valid(row->symbol, strings) && row->address < ADDRESS_END &&
           (i == 0 || row[-1].address < row->address);
}

static bool root_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_root *r = &p->roots[i];

    return r->kind < ROOT_LOST && string_valid(r->name, strings) &&
           string_valid(r->thread, strings);
}

static bool exception_valid(const struct profile *p, uint32_t i, uint32_t unused)
{
    (void)unused;
    return i == 0 || p->exceptions[i - 1].address < p->exceptions[i].address;
}

static bool content_valid(const struct profile *p, uint32_t i, uint32_t unused)
{
    (void)unused;
    return i == 0 || p->contents[i - 1].address < p->contents[i].address;
}

static bool duplicate_valid(const struct profile *p, uint32_t i, uint32_t sites)
{
    return p->duplicates[i].site < sites && p->duplicates[i].blocks != 0;
}

int search_check(const struct profile *p, uint32_t sites, uint32_t strings, struct error *e)
{
    const struct {
        const char *name;
        bool (*valid)(const struct profile *p, uint32_t i, uint32_t limit);
        uint32_t rows, limit;
    } tables[] = {
        {"leak", leak_valid, p->leak_count, sites},
        {"block", block_valid, p->block_count, sites},
        {"pointer", pointer_valid, p->pointer_count, strings},
        {"root", root_valid, p->root_count, strings},
        {"exception", exception_valid, p->exception_count, 0},
        {"content", content_valid, p->content_count, 0},
        {"duplicate", duplicate_valid, p->duplicate_count, sites},
    };

    if (!row_valid(&p->search, strings) || !rows_expected(p))
        return error_set(e, ERROR_FORMAT, "what it says of a search for leaks makes no sense");
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (uint32_t i = 0; i < tables[t].rows; i++)
            if (!tables[t].valid(p, i, tables[t].limit))
                return error_set(e, ERROR_FORMAT,
                                 "%s %u of the search for leaks is out of order, or refers to "
                                 "something that is not there",
                                 tables[t].name, i);
    return 0;
}
