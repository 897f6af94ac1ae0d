// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/heapimage.h"

#include "src/host/graph/rootrank.h"

#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------- memory -- */

/* The run that holds an address, else the first one after it, else run_count. */
static uint32_t run_at(const struct heapimage *h, uint64_t address)
{
    uint32_t low = 0, high = h->run_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct heapimage_run *r = &h->runs[middle];

        if (r->address + 8 * (uint64_t)r->count <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool run_holds(const struct heapimage *h, uint32_t run, uint64_t address)
{
    return run < h->run_count && address - h->runs[run].address < 8 * (uint64_t)h->runs[run].count;
}

static const void *read_words(void *context, uint64_t address, uint64_t *size)
{
    struct heapimage *h = context;
    const struct heapimage_run *r;

    /* memory is scanned upwards mostly: this run, or the next */
    if (!run_holds(h, h->last, address) && !run_holds(h, ++h->last, address))
        h->last = run_at(h, address);
    if (h->last >= h->run_count) {
        h->last = 0;
        *size = 0;
        return NULL;
    }
    r = &h->runs[h->last];
    if (r->address > address) {
        *size = r->address - address;
        return NULL;
    }
    *size = 8 * (uint64_t)r->count - (address - r->address);
    return (const uint8_t *)(h->words + r->first) + (address - r->address);
}

/* The word at a multiple of 8, made if it is not there; called in ascending order. */
static uint64_t *word_at(struct heapimage *h, uint64_t address)
{
    struct heapimage_run *last = h->run_count ? &h->runs[h->run_count - 1] : NULL;

    if (last && run_holds(h, h->run_count - 1, address))
        return &h->words[last->first + (address - last->address) / 8];
    if (!last || last->address + 8 * (uint64_t)last->count != address) {
        last = &h->runs[h->run_count++];
        *last = (struct heapimage_run){address, h->word_count, 0};
    }
    last->count++;
    return &h->words[h->word_count++];
}

static void put_bytes(struct heapimage *h, uint64_t address, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        uint64_t *word = word_at(h, (address + i) & ~UINT64_C(7));

        ((uint8_t *)word)[(address + i) % 8] = (uint8_t)(value >> 8 * i);
    }
}

/* A pointer as it may have been found: as 32 bits where that says the same. */
static void put_pointer(struct heapimage *h, const struct profile_pointer *p)
{
    const struct profile_search *s = &h->profile->search;
    uint64_t above = p->value - s->compressed_base;

    if (s->compressed && above && above >> s->compressed_shift <= UINT32_MAX &&
        above >> s->compressed_shift << s->compressed_shift == above)
        put_bytes(h, p->address, above >> s->compressed_shift, 4);
    else
        put_bytes(h, p->address, p->value, 8);
}

/* A word that is not aligned lies in two. */
static int make_memory(struct heapimage *h, struct error *e)
{
    const struct profile *p = h->profile;
    size_t most = 2 * (size_t)p->pointer_count + 1;

    h->words = calloc(most, sizeof *h->words);
    h->runs = calloc(most, sizeof *h->runs);
    if (!h->words || !h->runs)
        return error_set(e, ERROR_MEMORY, "out of memory for %u pointers of a profile",
                         p->pointer_count);
    for (uint32_t i = 0; i < p->pointer_count; i++)
        put_pointer(h, &p->pointers[i]);
    return 0;
}

/* ------------------------------------------------------------------ graph -- */

/* Ranges of roots overlap where a program names them; a hostile file's could do so without end. */
#define ROOTS_SHARED 16u
#define ROOTS_FREE 1000000u

/* Blocks that begin before an address. */
static uint32_t blocks_before(const struct profile *p, uint64_t address)
{
    uint32_t low = 0, high = p->block_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (p->blocks[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What a scan of all roots goes through is bounded by the size of the file. */
static bool roots_bounded(const struct heapimage *h)
{
    const struct profile *p = h->profile;
    uint64_t most = ROOTS_FREE + ROOTS_SHARED * ((uint64_t)p->block_count + h->run_count +
                                                 h->word_count + p->root_count);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < p->root_count && sum <= most; i++) {
        uint64_t start = p->roots[i].start, size = p->roots[i].size;
        uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;

        sum += blocks_before(p, end) - blocks_before(p, start);
        sum += run_at(h, end) - run_at(h, start);
    }
    return sum <= most;
}

static struct leakgraph_options options_of(const struct profile *p)
{
    static const uint64_t none[1];
    const struct profile_search *s = &p->search;

    _Static_assert(sizeof(struct profile_exception) == sizeof(uint64_t), "not a plain array");
    return (struct leakgraph_options){
        .step = s->step ? s->step : 8,
        .low_tags = s->low_tags,
        .past_end = s->past_end,
        .high_tags = s->high_tags,
        .compressed = s->compressed,
        .compressed_shift = s->compressed_shift,
        .compressed_base = s->compressed_base,
        .exceptions = p->exception_count ? &p->exceptions[0].address : none,
        .exception_count = p->exception_count,
    };
}

static int add_root(struct leakgraph *g, const struct profile_root *r, uint32_t row,
                    struct error *e)
{
    if (r->kind == ROOT_WEAK)
        return leakgraph_add_weak(g, row, r->start, r->size, e);
    if (r->size == 0)
        return leakgraph_add_value(g, r->kind, row, r->start, e);
    return leakgraph_add_root(g, r->kind, row, r->start, r->size, e);
}

/* In the order of their ranks: of equally short chains the first one's is found. */
static int add_roots(struct leakgraph *g, const struct profile *p, struct error *e)
{
    for (uint32_t rank = 0; rank < ROOT_RANKS; rank++)
        for (uint32_t i = 0; i < p->root_count; i++)
            if (root_rank(p->roots[i].kind, profile_text(p, p->roots[i].name)) == rank &&
                add_root(g, &p->roots[i], i, e) != 0)
                return -1;
    return 0;
}

static int fill(struct leakgraph *g, const struct profile *p, struct error *e)
{
    if (leakgraph_reserve(g, p->block_count, e) != 0)
        return -1;
    for (uint32_t i = 0; i < p->block_count; i++)
        if (leakgraph_add_block(g, p->blocks[i].address, p->blocks[i].size, e) != 0)
            return -1;
    if (add_roots(g, p, e) != 0)
        return -1;
    return leakgraph_seal(g, e);
}

int heapimage_init(struct heapimage *h, const struct profile *p, struct error *e)
{
    const struct leakgraph_reader reader = {read_words, h};
    const struct leakgraph_options options = options_of(p);

    *h = (struct heapimage){.profile = p};
    leakgraph_init(&h->graph, &reader, &options);
    if (make_memory(h, e) != 0) {
        heapimage_release(h);
        return -1;
    }
    if (!roots_bounded(h)) {
        heapimage_release(h);
        return error_set(e, ERROR_FORMAT,
                         "the profile is damaged: the roots of its search for leaks overlap "
                         "without end");
    }
    if (fill(&h->graph, p, e) == 0 && leakgraph_mark(&h->graph, e) == 0)
        return 0;
    heapimage_release(h);
    return -1;
}

void heapimage_release(struct heapimage *h)
{
    leakgraph_release(&h->graph);
    free(h->words);
    free(h->runs);
    *h = (struct heapimage){.profile = NULL};
}

/* --------------------------------------------------------------- questions -- */

uint32_t heapimage_find(const struct heapimage *h, uint64_t address)
{
    return leakgraph_find(&h->graph, address);
}

uint32_t heapimage_root(const struct heapimage *h, const struct leakgraph_reference *r)
{
    const struct leakgraph *g = &h->graph;

    if (r->from != LEAKGRAPH_NONE || r->root == LEAKGRAPH_NONE)
        return UINT32_MAX;
    return r->kind == ROOT_WEAK ? g->weak[r->root].tag : g->roots[r->root].tag;
}

uint32_t heapimage_pointer(const struct heapimage *h, const struct leakgraph_reference *r)
{
    const struct profile *p = h->profile;
    uint32_t root = heapimage_root(h, r), low = 0, high = p->pointer_count;
    uint64_t start = root != UINT32_MAX ? p->roots[root].start : 0;
    uint64_t address;

    if (root == UINT32_MAX && r->from == LEAKGRAPH_NONE)
        return UINT32_MAX;
    if (root != UINT32_MAX && p->roots[root].size == 0)
        return UINT32_MAX;
    if (root == UINT32_MAX)
        start = p->blocks[r->from].address;
    address = start + r->offset;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (p->pointers[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->pointer_count && p->pointers[low].address == address ? low : UINT32_MAX;
}
