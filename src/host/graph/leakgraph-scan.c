// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakgraph-scan.h"

#include "src/host/memory/growing.h"

#include <stdlib.h>

/* ---------------------------------------------------------------- reading -- */

const uint8_t *leakgraph_bytes(struct leakgraph *g, uint64_t address, uint64_t *size)
{
    uint64_t into = address - g->window_start;
    const uint8_t *bytes;

    if (into < g->window_size) {
        *size = g->window_size - into;
        return g->window + into;
    }
    *size = 0;
    bytes = g->reader.bytes(g->reader.context, address, size);
    if (bytes && *size) {
        g->window = bytes;
        g->window_start = address;
        g->window_size = *size;
    }
    return *size ? bytes : NULL;
}

uint64_t leakgraph_word(struct leakgraph *g, uint64_t address)
{
    uint64_t size, value;
    const uint8_t *bytes;

    if (g->words)
        return leakgraph_kept_word(g, address);
    bytes = leakgraph_bytes(g, address, &size);
    if (!bytes || size < sizeof value)
        return 0;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* ------------------------------------------------------------- exceptions -- */

/* The word at an address, if it may be a vtable's: not in the first page, and not in a block. */
static bool may_hold_vtable(struct leakgraph *g, uint64_t address, uint64_t *vtable)
{
    if (!g->words)
        *vtable = leakgraph_word(g, address);
    else if (!keptwords_word(g->words, address, vtable) || *vtable & REFERENCE)
        return false;
    else
        *vtable = leakgraph_kept_value(*vtable);
    return *vtable % 8 == 0 && *vtable >= 4096 && leakgraph_find(g, *vtable) == LEAKGRAPH_NONE;
}

/* relaxed, both: a block's bit is about words that do not change, and stands for itself */
static bool is_known_plain(const struct leakgraph *g, uint32_t block)
{
    return g->plain_starts &&
           (atomic_load_explicit(&g->plain_starts[block / 64], memory_order_relaxed) >> block % 64 &
            1);
}

static void note_plain(struct leakgraph *g, uint32_t block)
{
    if (g->plain_starts)
        atomic_fetch_or_explicit(&g->plain_starts[block / 64], UINT64_C(1) << block % 64,
                                 memory_order_relaxed);
}

/*
 * An object's start and its second base class both hold the address of a
 * vtable.  Two words before a vtable's address lies how far the object's top is
 * from where the address is stored (the Itanium C++ ABI, 2.5.2): 0 for the one,
 * minus the distance for the other.  The start is asked first, and what it says remembered: it
 * decides for most blocks.
 */
static bool is_second_base(struct leakgraph *g, uint32_t block, uint64_t start, uint64_t into)
{
    uint64_t first, second;

    if (into % 8 || start % 8 || is_known_plain(g, block))
        return false;
    if (!may_hold_vtable(g, start, &first)) {
        note_plain(g, block);
        return false;
    }
    if (!may_hold_vtable(g, start + into, &second))
        return false;
    /* a word that cannot be read is 0: the second is what decides */
    return leakgraph_word(g, second - 16) == -into && leakgraph_word(g, first - 16) == 0;
}

/* Length, capacity and use count in front of the text, capacity without the NUL. */
static bool is_string(struct leakgraph *g, uint64_t start, uint64_t size, uint64_t into)
{
    uint64_t length, capacity;

    if (into != 24 || size < 25)
        return false;
    length = leakgraph_word(g, start);
    capacity = leakgraph_word(g, start + 8);
    return length <= capacity && capacity == size - 25;
}

static bool is_given(const struct leakgraph_options *o, uint64_t address)
{
    uint32_t low = 0, high = o->exception_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (o->exceptions[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < o->exception_count && o->exceptions[low] == address;
}

bool leakgraph_is_exception(struct leakgraph *g, uint32_t block, uint64_t into)
{
    uint64_t start = g->blocks[block].address, size = leakgraph_size(g, block);
    uint32_t which = g->options.heuristics;

    if (g->options.exceptions)
        return is_given(&g->options, start + into);
    if (into == 8 && (which & (LEAKGRAPH_NEWARRAY | LEAKGRAPH_LENGTH64))) {
        uint64_t count = leakgraph_word(g, start);

        if ((which & LEAKGRAPH_LENGTH64) && count == size - 8)
            return true;
        if ((which & LEAKGRAPH_NEWARRAY) && count && (size - 8) % count == 0)
            return true;
    }
    if ((which & LEAKGRAPH_STDSTRING) && is_string(g, start, size, into))
        return true;
    return (which & LEAKGRAPH_MULTIPLE) && is_second_base(g, block, start, into);
}

/* -------------------------------------------------------------- resolving -- */

bool leakgraph_resolve_value(struct leakgraph *g, uint64_t value, struct leakgraph_hit *hit)
{
    const struct leakgraph_options *o = &g->options;
    uint32_t block;
    uint64_t into, size;

    value &= ~o->high_tags;
    if (value - g->sought >= g->sought_span)
        return false;
    block = leakgraph_before(g, value);
    if (block == LEAKGRAPH_NONE)
        return false;
    into = value - g->blocks[block].address;
    size = leakgraph_size(g, block);
    *hit = (struct leakgraph_hit){block, POINTER_INTERIOR, into};
    if (into == 0)
        hit->pointer = POINTER_START;
    else if (o->low_tags && into < 8)
        hit->pointer = POINTER_TAGGED;
    else if (into < size)
        hit->pointer =
            leakgraph_is_exception(g, block, into) ? POINTER_HEURISTIC : POINTER_INTERIOR;
    else
        return o->past_end && into == size;
    return true;
}

/* A whole word first: half of a pointer is no compressed pointer. */
bool leakgraph_resolve_special(struct leakgraph *g, const uint8_t *word, uint64_t left,
                               struct leakgraph_hit *hit)
{
    const struct leakgraph_options *o = &g->options;
    uint64_t value;
    uint32_t half;

    if (left >= sizeof value) {
        memcpy(&value, word, sizeof value);
        if (leakgraph_resolve_value(g, value, hit))
            return true;
    }
    if (!o->compressed || left < sizeof half)
        return false;
    memcpy(&half, word, sizeof half);
    return half && leakgraph_resolve_value(
                       g, o->compressed_base + ((uint64_t)half << o->compressed_shift), hit);
}

/* --------------------------------------------------------------- scanning -- */

void leakgraph_scan_range(struct leakgraph_scan *s, const struct leakgraph *g, uint64_t start,
                          uint64_t end)
{
    uint64_t step = g->options.step;

    start += (step - start % step) % step;
    *s = (struct leakgraph_scan){.at = start, .end = end, .piece_end = start};
}

void leakgraph_scan_block(struct leakgraph_scan *s, const struct leakgraph *g, uint32_t block,
                          uint64_t offset)
{
    uint64_t start = g->blocks[block].address;

    leakgraph_scan_range(s, g, start + offset, start + leakgraph_size(g, block));
}

/* The first weak region that ends after an address. */
static uint32_t first_hole(const struct leakgraph *g, uint64_t address)
{
    uint32_t low = 0, high = g->hole_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (g->holes[middle].address + g->holes[middle].size <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Move past a weak region at `at`; where the next one begins, or the end of the range. */
uint64_t leakgraph_pass_holes(const struct leakgraph *g, struct leakgraph_scan *s)
{
    const struct leakgraph_big *hole;
    uint32_t i;

    if (s->weak || g->hole_count == 0)
        return s->end;
    i = first_hole(g, s->at);
    if (i < g->hole_count && g->holes[i].address <= s->at) {
        uint64_t step = g->options.step, at = g->holes[i].address + g->holes[i].size;

        s->at = at + (step - at % step) % step;
        i = first_hole(g, s->at);
    }
    hole = i < g->hole_count ? &g->holes[i] : NULL;
    return hole && hole->address < s->end ? hole->address : s->end;
}

/* The last word of a piece may begin so many bytes before its end. */
static uint64_t word_size(const struct leakgraph *g)
{
    return g->options.compressed ? 4 : 8;
}

bool leakgraph_scan_refill(struct leakgraph *g, struct leakgraph_scan *s)
{
    uint64_t width = word_size(g), step = g->options.step;

    for (;;) {
        uint64_t stop = leakgraph_pass_holes(g, s), size;

        if (s->at >= s->end || s->end - s->at < width)
            return false;
        if (stop <= s->at) /* a weak region follows at once */
            continue;
        s->piece = leakgraph_bytes(g, s->at, &size);
        if (!s->piece) {
            uint64_t skip = size && size < stop - s->at ? size : stop - s->at;

            if (s->counts)
                g->unreadable_bytes += size ? skip : s->end - s->at;
            s->at = size ? s->at + skip + (step - skip % step) % step : s->end;
            continue;
        }
        if (size > stop - s->at)
            size = stop - s->at;
        if (size >= width) {
            /* words begin before piece_end: all of them have `width` bytes */
            s->piece_end = s->at + size - (width - 1);
            return true;
        }
        s->at += size + (step - size % step) % step;
    }
}

/* ------------------------------------------------------------------ roots -- */

void leakgraph_gaps_init(struct leakgraph_gaps *gaps, const struct leakgraph *g,
                         const struct leakgraph_root *root)
{
    uint32_t before = LEAKGRAPH_NONE;

    *gaps = (struct leakgraph_gaps){.at = root->start, .end = root->start + root->size};
    if (root->kind == ROOT_NAMED) { /* blocks in it too are named */
        gaps->block = g->count;
        return;
    }
    if (g->count && root->start >= g->low)
        before = root->start - g->low < g->span ? leakgraph_before(g, root->start) : g->count - 1;
    gaps->block = before == LEAKGRAPH_NONE ? 0 : before;
}

bool leakgraph_gaps_next(struct leakgraph_gaps *gaps, const struct leakgraph *g, uint64_t *start,
                         uint64_t *end)
{
    while (gaps->at < gaps->end) {
        /* a damaged profile's root may end behind the sentinel's address */
        uint64_t block = gaps->block < g->count ? g->blocks[gaps->block].address : UINT64_MAX;
        uint64_t block_end =
            gaps->block < g->count ? block + leakgraph_size(g, gaps->block) : block;

        *start = gaps->at;
        *end = block < gaps->end ? block : gaps->end;
        if (block >= gaps->end) {
            gaps->at = gaps->end;
        } else {
            gaps->at = block_end > gaps->at ? block_end : gaps->at;
            gaps->block++;
        }
        if (*start < *end)
            return true;
    }
    return false;
}

struct root_scan {
    uint32_t root;
    uint64_t start;
    bool weak, counts;
    leakgraph_root_hit *call;
    void *context;
};

static bool range_hits(struct leakgraph *g, const struct root_scan *r, uint64_t start, uint64_t end)
{
    struct leakgraph_scan s;
    struct leakgraph_hit hit;

    leakgraph_scan_range(&s, g, start, end);
    s.weak = r->weak;
    s.counts = r->counts;
    while (leakgraph_scan_next(g, &s, &hit))
        if (!r->call(g, r->context, r->root, s.found - r->start, &hit))
            return false;
    return true;
}

static bool scan_root(struct leakgraph *g, uint32_t root, bool counts, leakgraph_root_hit *call,
                      void *context)
{
    const struct leakgraph_root *from = &g->roots[root];
    struct root_scan r = {root, from->start, false, counts, call, context};
    struct leakgraph_gaps gaps;
    struct leakgraph_hit hit;
    uint64_t start, end;

    if (from->size == 0)
        return !leakgraph_resolve_value(g, from->start, &hit) || call(g, context, root, 0, &hit);
    leakgraph_gaps_init(&gaps, g, from);
    while (leakgraph_gaps_next(&gaps, g, &start, &end))
        if (!range_hits(g, &r, start, end))
            return false;
    return true;
}

static bool kept_hits(struct leakgraph *g, uint32_t root, leakgraph_root_hit *call, void *context)
{
    for (uint32_t i = g->found_first[root]; i < g->found_first[root + 1]; i++)
        if (!call(g, context, root, g->found[i].offset, &g->found[i].hit))
            return false;
    return true;
}

bool leakgraph_root_hits(struct leakgraph *g, uint32_t root, bool counts, leakgraph_root_hit *call,
                         void *context)
{
    if (g->found_first)
        return kept_hits(g, root, call, context);
    return scan_root(g, root, counts, call, context);
}

/* ------------------------------------------------------------ hits kept -- */

struct keeping {
    leakgraph_root_hit *call;
    void *context;
    bool failed;
};

static bool keep_hit(struct leakgraph *g, void *context, uint32_t root, uint64_t offset,
                     const struct leakgraph_hit *hit)
{
    struct keeping *k = context;

    k->failed = k->failed || g->found_count == FOUND_MAX ||
                !growing_reserve(&g->found, g->found_count, sizeof *g->found);
    if (!k->failed)
        g->found[g->found_count++] = (struct leakgraph_found){offset, *hit};
    return k->call(g, k->context, root, offset, hit);
}

static uint64_t hits_bytes(const struct leakgraph *g)
{
    return (uint64_t)g->found_count * sizeof *g->found +
           ((uint64_t)g->root_count + 1) * sizeof *g->found_first;
}

void leakgraph_forget_hits(struct leakgraph *g)
{
    if (g->found_first)
        g->memory -= hits_bytes(g);
    free(g->found);
    free(g->found_first);
    g->found = NULL;
    g->found_first = NULL;
    g->found_count = 0;
}

void leakgraph_keep_hits(struct leakgraph *g, leakgraph_root_hit *call, void *context)
{
    uint32_t *first = calloc((size_t)g->root_count + 1, sizeof *first);
    struct keeping k = {call, context, !first};

    leakgraph_forget_hits(g);
    for (uint32_t i = 0; i < g->root_count; i++) {
        scan_root(g, i, true, keep_hit, &k);
        if (first)
            first[i + 1] = g->found_count;
    }
    if (k.failed) {
        leakgraph_forget_hits(g);
        free(first);
    } else {
        g->found_first = first;
        g->memory += hits_bytes(g);
        g->memory_peak = g->memory > g->memory_peak ? g->memory : g->memory_peak;
    }
}

bool leakgraph_weak_hits(struct leakgraph *g, uint32_t region, bool counts,
                         leakgraph_root_hit *call, void *context)
{
    const struct leakgraph_root *from = &g->weak[region];
    struct root_scan r = {region, from->start, true, counts, call, context};

    return range_hits(g, &r, from->start, from->start + from->size);
}
