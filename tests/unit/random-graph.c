// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/random-graph.h"

#include "src/host/graph/keptwords.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------------- synthetic memory -- */

static const void *memory_bytes(void *context, uint64_t address, uint64_t *size)
{
    const struct memory *m = context;
    uint64_t next = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        const struct piece *p = &m->pieces[i];
        uint64_t end = p->start + 8 * p->count;

        if (address >= p->start && address < end) {
            *size = end - address;
            return (const uint8_t *)p->words + (address - p->start);
        }
        if (p->start > address && (next == 0 || p->start < next))
            next = p->start;
    }
    *size = next ? next - address : 0;
    return NULL;
}

struct piece *memory_add(struct memory *m, uint64_t start, uint32_t words)
{
    struct piece *p = &m->pieces[m->count++];

    *p = (struct piece){.start = start, .count = words};
    return p;
}

struct leakgraph_reader memory_reader(struct memory *m)
{
    return (struct leakgraph_reader){memory_bytes, m};
}

/* ------------------------------------------------------------ words kept -- */

#define PAGE UINT64_C(4096)
#define PIECE (UINT64_C(1) << KEPTWORDS_PIECE_BITS)

bool memory_as_words;

static struct keptwords kept;

void memory_forget_words(void)
{
    keptwords_release(&kept);
}

static int by_start(const void *a, const void *b)
{
    const struct piece *const *x = a, *const *y = b;

    return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

/* One page of the memory; its pieces are in order. */
static void page_words(struct piece *const *pieces, uint32_t count, uint64_t page, uint64_t *words)
{
    memset(words, 0, PAGE);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t w = 0; w < pieces[i]->count; w++) {
            uint64_t at = pieces[i]->start + 8 * w;

            if (at >= page && at < page + PAGE)
                words[(at - page) / 8] = pieces[i]->words[w];
        }
}

/* All words, what is above `middle` in the second part. */
static void keep_words(const struct memory *m, uint64_t middle, uint64_t tags)
{
    const struct keptwords_range range = {HEAP, HEAP + (UINT64_C(1) << 40)};
    const struct keptwords_filter filter = {&range, 1, tags};
    struct piece *pieces[BLOCKS + 1];
    uint64_t words[KEPTWORDS_PAGE_WORDS], next = 0, marked[KEPTWORDS_GROUPS];

    memory_forget_words();
    memset(marked, 0xff, sizeof marked);
    for (uint32_t i = 0; i < m->count; i++)
        pieces[i] = (struct piece *)(uintptr_t)&m->pieces[i];
    qsort(pieces, m->count, sizeof *pieces, by_start);
    for (uint32_t i = 0; i < m->count; i++) {
        uint64_t page = pieces[i]->start & ~(PAGE - 1),
                 end = pieces[i]->start + 8 * pieces[i]->count;

        for (page = page < next ? next : page; page < end; next = page += PAGE) {
            struct keptwords_part *part = &kept.parts[page >= middle];

            if (!part->piece_count || part->pieces[part->piece_count - 1].number != page / PIECE)
                assert_true(keptwords_begin_piece(part, page / PIECE));
            page_words(pieces, m->count, page, words);
            keptwords_add_page(part, &filter, (uint32_t)(page % PIECE / PAGE), words, marked);
        }
    }
    assert_true(keptwords_seal(&kept));
}

void memory_use(struct leakgraph *g, struct memory *m, const struct leakgraph_options *options)
{
    struct leakgraph_reader reader = memory_reader(m);

    leakgraph_init(g, &reader, options);
    if (!memory_as_words)
        return;
    keep_words(m, GLOBALS + PIECE, options->high_tags);
    leakgraph_use_words(g, &kept);
}

/* xorshift64* */
static uint64_t seed;

static uint64_t random_next(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * UINT64_C(2685821657736338717);
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)((random_next() >> 32) % limit);
}

/* ---------------------------------------------------- the naive reference -- */

static bool in_weak(const struct naive *n, uint64_t address)
{
    for (uint32_t i = 0; i < n->weak_count; i++)
        if (address + 8 > n->weak[i].start && address < n->weak[i].start + 8 * n->weak[i].words)
            return true;
    return false;
}

static enum edge points_to(const struct naive *n, uint64_t value, uint32_t block)
{
    if (value == n->address[block])
        return EDGE_START;
    if (value > n->address[block] && value < n->address[block] + n->size[block])
        return EDGE_INTERIOR;
    return EDGE_NONE;
}

static void note(const struct naive *n, uint64_t value, uint8_t *edges)
{
    for (uint32_t b = 0; b < n->count; b++)
        if (points_to(n, value, b) > edges[b])
            edges[b] = points_to(n, value, b);
}

uint64_t naive_word(struct naive *n, uint64_t address)
{
    uint64_t size;
    const uint64_t *word = memory_bytes(&n->memory, address, &size);

    return word ? *word : 0;
}

static void find_edges(struct naive *n)
{
    for (uint32_t b = 0; b < n->count; b++)
        for (uint64_t o = 0; o + 8 <= n->size[b]; o += 8)
            if (!in_weak(n, n->address[b] + o))
                note(n, naive_word(n, n->address[b] + o), n->edge[b]);
    for (uint32_t r = 0; r < n->root_count; r++) {
        if (n->roots[r].words == 0)
            note(n, n->roots[r].start, n->from_root);
        for (uint64_t o = 0; o < n->roots[r].words; o++)
            if (!in_weak(n, n->roots[r].start + 8 * o))
                note(n, naive_word(n, n->roots[r].start + 8 * o), n->from_root);
    }
    for (uint32_t w = 0; w < n->weak_count; w++)
        for (uint64_t o = 0; o < n->weak[w].words; o++)
            note(n, naive_word(n, n->weak[w].start + 8 * o), n->from_weak[w]);
}

/* Add to `set` whatever it leads to by edges of at least `least` among blocks of `kind` and weaker.
 */
static void close_set(const struct naive *n, bool set[BLOCKS], enum edge least, enum leak_kind kind)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t a = 0; a < n->count; a++)
            for (uint32_t b = 0; set[a] && b < n->count; b++)
                if (!set[b] && n->edge[a][b] >= least && n->kind[b] >= kind)
                    changed = set[b] = true;
    }
}

static void set_kind(struct naive *n, const bool set[BLOCKS], enum leak_kind kind, uint32_t holder)
{
    for (uint32_t b = 0; b < n->count; b++) {
        if (set[b] && n->kind[b] > kind) {
            n->kind[b] = kind;
            n->holder[b] = holder;
        }
    }
}

static uint32_t block_at(const struct naive *n, uint64_t address)
{
    for (uint32_t b = 0; b < n->count; b++)
        if (points_to(n, address, b) != EDGE_NONE)
            return b;
    return BLOCKS;
}

static void decide_weak(struct naive *n)
{
    bool done[WEAK] = {false};

    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t w = 0; w < n->weak_count; w++) {
            uint32_t in = block_at(n, n->weak[w].start);
            bool set[BLOCKS] = {false};

            if (done[w] || (in < BLOCKS && n->kind[in] == LEAK_INDIRECT))
                continue;
            for (uint32_t b = 0; b < n->count; b++)
                set[b] = n->from_weak[w][b] && n->kind[b] > LEAK_WEAK;
            close_set(n, set, EDGE_INTERIOR, LEAK_INDIRECT);
            set_kind(n, set, LEAK_WEAK, w);
            done[w] = changed = true;
        }
    }
}

bool naive_both_ways(const struct naive *n, uint32_t a, uint32_t b)
{
    return a == b || (n->reaches[a][b] && n->reaches[b][a]);
}

static void decide_lost(struct naive *n)
{
    for (uint32_t a = 0; a < n->count; a++)
        for (uint32_t b = 0; b < n->count; b++)
            n->reaches[a][b] = n->kind[a] == LEAK_INDIRECT && n->kind[b] == LEAK_INDIRECT &&
                               n->edge[a][b] != EDGE_NONE;
    for (uint32_t k = 0; k < n->count; k++)
        for (uint32_t a = 0; a < n->count; a++)
            for (uint32_t b = 0; b < n->count; b++)
                n->reaches[a][b] |= n->reaches[a][k] && n->reaches[k][b];
    for (uint32_t a = 0; a < n->count; a++) {
        bool root = n->kind[a] == LEAK_INDIRECT;

        for (uint32_t b = 0; b < n->count; b++)
            if ((n->reaches[b][a] && !n->reaches[a][b]) || (b < a && naive_both_ways(n, a, b)))
                root = false;
        if (root)
            n->holder[a] = UINT32_MAX; /* becomes definite when all are known */
    }
    for (uint32_t a = 0; a < n->count; a++)
        if (n->kind[a] == LEAK_INDIRECT && n->holder[a] == UINT32_MAX)
            n->kind[a] = LEAK_DEFINITE;
}

static void decide_kinds(struct naive *n)
{
    bool set[BLOCKS] = {false};

    for (uint32_t b = 0; b < n->count; b++) {
        n->kind[b] = LEAK_INDIRECT;
        set[b] = n->from_root[b] == EDGE_START;
    }
    close_set(n, set, EDGE_START, LEAK_REACHABLE);
    set_kind(n, set, LEAK_REACHABLE, 0);
    for (uint32_t b = 0; b < n->count; b++)
        set[b] |= n->from_root[b] != EDGE_NONE;
    close_set(n, set, EDGE_INTERIOR, LEAK_REACHABLE);
    set_kind(n, set, LEAK_POSSIBLE, 0);
    decide_weak(n);
    decide_lost(n);
}

/* ---------------------------------------------------------- random graphs -- */

static uint64_t random_word(const struct naive *n)
{
    uint32_t block = below(n->count);

    switch (below(8)) {
    case 0:
    case 1:
    case 2:
        return n->address[block];
    case 3:
        return n->address[block] + below((uint32_t)n->size[block] + 1); /* inside, or one past */
    case 4:
        return n->address[block] - 1 - below(16); /* between blocks, or in the one before */
    case 5:
        return random_next();
    default:
        return below(100);
    }
}

static void make_blocks(struct naive *n)
{
    uint64_t at = HEAP + 16 * below(1000);

    n->count = 1 + below(BLOCKS);
    for (uint32_t b = 0; b < n->count; b++) {
        n->address[b] = at;
        n->size[b] = 8 * (1 + below(WORDS)) - below(8);
        memory_add(&n->memory, at, (uint32_t)(n->size[b] + 7) / 8);
        at += (n->size[b] + 15) / 16 * 16;
        if (below(4) == 0)
            at += 16 * below(8); /* one past the end is not always the next one's start */
        if (below(12) == 0)
            at += UINT64_C(16) * below(1 << 20); /* another slot of the index */
    }
}

/* Weak regions of whole words: in the globals, or in a block. */
static void make_weak(struct naive *n)
{
    n->weak_count = below(3) ? 0 : 1 + below(WEAK);
    for (uint32_t w = 0; w < n->weak_count; w++) {
        if (below(2)) {
            n->weak[w].start = GLOBALS + 8 * below(GLOBAL_WORDS - 8);
            n->weak[w].words = 1 + below(8);
        } else {
            uint32_t block = below(n->count);

            n->weak[w].start = n->address[block];
            n->weak[w].words = 1 + below((uint32_t)(n->size[block] + 7) / 8);
        }
    }
}

void naive_make(struct naive *n, uint64_t number)
{
    uint32_t density = below(3);
    struct piece *globals;

    *n = (struct naive){.count = 0};
    seed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    make_blocks(n);
    for (uint32_t b = 0; b < n->count; b++)
        for (uint32_t i = 0; i < n->memory.pieces[b].count; i++)
            if (below(3) <= density)
                n->memory.pieces[b].words[i] = random_word(n);
    globals = memory_add(&n->memory, GLOBALS, GLOBAL_WORDS);
    for (uint32_t i = 0; i < GLOBAL_WORDS; i++)
        if (below(6) == 0)
            globals->words[i] = random_word(n);
    n->root_count = below(ROOTS + 1);
    for (uint32_t r = 0; r < n->root_count; r++) {
        bool range = below(2);

        n->roots[r].start = range ? GLOBALS + 8 * below(GLOBAL_WORDS - 8) : random_word(n);
        n->roots[r].words = range ? 1 + below(8) : 0;
    }
    make_weak(n);
    find_edges(n);
    decide_kinds(n);
}

uint64_t naive_high_tags;

void naive_graph(struct leakgraph *g, struct naive *n)
{
    struct leakgraph_options options;
    uint32_t turn = below(n->count);

    leakgraph_options_init(&options);
    options.heuristics = 0;
    options.high_tags = naive_high_tags;
    memory_use(g, &n->memory, &options);
    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t b = (i + turn) % n->count;

        assert_int_equal(leakgraph_add_block(g, n->address[b], n->size[b], NULL), 0);
    }
    for (uint32_t r = 0; r < n->root_count; r++)
        assert_int_equal(n->roots[r].words
                             ? leakgraph_add_root(g, ROOT_GLOBAL, r, n->roots[r].start,
                                                  8 * n->roots[r].words, NULL)
                             : leakgraph_add_value(g, ROOT_REGISTER, r, n->roots[r].start, NULL),
                         0);
    for (uint32_t w = 0; w < n->weak_count; w++)
        assert_int_equal(leakgraph_add_weak(g, w, n->weak[w].start, 8 * n->weak[w].words, NULL), 0);
    assert_int_equal(leakgraph_seal(g, NULL), 0);
    assert_int_equal(g->count, n->count);
    assert_int_equal(leakgraph_mark(g, NULL), 0);
}
