// SPDX-License-Identifier: Apache-2.0
/*
 * The graph of references against a reference that is naive on purpose: edges
 * in a matrix, every question answered by trying, over 10,000 random graphs.
 * What a random graph seldom has (exceptions, tags, holes) is tested one by one.
 */
#include "src/host/leakgraph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GRAPHS 10000
#define BLOCKS 24
#define WORDS 8 /* a block's at most */
#define ROOTS 4
#define WEAK 3
#define HEAP UINT64_C(0x7f1200000000)
#define GLOBALS UINT64_C(0x560000000000)
#define GLOBAL_WORDS 64

/* ------------------------------------------------------- synthetic memory -- */

struct piece {
    uint64_t start;
    uint64_t words[GLOBAL_WORDS];
    uint32_t count;
};

struct memory {
    struct piece pieces[BLOCKS + 1];
    uint32_t count;
};

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

static struct piece *memory_add(struct memory *m, uint64_t start, uint32_t words)
{
    struct piece *p = &m->pieces[m->count++];

    *p = (struct piece){.start = start, .count = words};
    return p;
}

static struct leakgraph_reader reader_of(struct memory *m)
{
    return (struct leakgraph_reader){memory_bytes, m};
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

enum edge { EDGE_NONE, EDGE_INTERIOR, EDGE_START };

struct naive {
    struct memory memory;
    uint32_t count;
    uint64_t address[BLOCKS], size[BLOCKS];
    struct {
        uint64_t start, words; /* words 0: the value itself */
    } roots[ROOTS], weak[WEAK];
    uint32_t root_count, weak_count;

    uint8_t edge[BLOCKS][BLOCKS]; /* enum edge */
    uint8_t from_root[BLOCKS];    /* the best of all roots' */
    uint8_t from_weak[WEAK][BLOCKS];
    enum leak_kind kind[BLOCKS];
    uint32_t holder[BLOCKS];
    bool reaches[BLOCKS][BLOCKS]; /* among the lost */
};

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

static uint64_t word_at(struct naive *n, uint64_t address)
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
                note(n, word_at(n, n->address[b] + o), n->edge[b]);
    for (uint32_t r = 0; r < n->root_count; r++) {
        if (n->roots[r].words == 0)
            note(n, n->roots[r].start, n->from_root);
        for (uint64_t o = 0; o < n->roots[r].words; o++)
            if (!in_weak(n, n->roots[r].start + 8 * o))
                note(n, word_at(n, n->roots[r].start + 8 * o), n->from_root);
    }
    for (uint32_t w = 0; w < n->weak_count; w++)
        for (uint64_t o = 0; o < n->weak[w].words; o++)
            note(n, word_at(n, n->weak[w].start + 8 * o), n->from_weak[w]);
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

static bool both_ways(const struct naive *n, uint32_t a, uint32_t b)
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
            if ((n->reaches[b][a] && !n->reaches[a][b]) || (b < a && both_ways(n, a, b)))
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

static void make_naive(struct naive *n, uint64_t number)
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

/* Bits that no address here has: every word then takes the way of tagged pointers. */
static uint64_t high_tags;

/* The same as a graph, its blocks given in another order. */
static void make_graph(struct leakgraph *g, struct naive *n)
{
    struct leakgraph_reader reader = reader_of(&n->memory);
    struct leakgraph_options options;
    uint32_t turn = below(n->count);

    leakgraph_options_init(&options);
    options.heuristics = 0;
    options.high_tags = high_tags;
    leakgraph_init(g, &reader, &options);
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

typedef void compare(struct leakgraph *g, struct naive *n);

static void over_random_graphs(compare *check)
{
    static struct naive n;

    for (uint64_t i = 0; i < GRAPHS; i++) {
        struct leakgraph g;

        seed = i + 1;
        make_naive(&n, i);
        make_graph(&g, &n);
        check(&g, &n);
        leakgraph_release(&g);
    }
}

/* -------------------------------------------------------------- the tests -- */

static uint32_t kinds_seen[LEAK_KINDS], cycles_seen;

static void compare_kinds(struct leakgraph *g, struct naive *n)
{
    struct leakgraph_sum sums[LEAK_KINDS] = {{0, 0}};

    for (uint32_t b = 0; b < n->count; b++) {
        assert_int_equal(g->blocks[b].address, n->address[b]);
        assert_string_equal(leak_kind_name(g->blocks[b].kind), leak_kind_name(n->kind[b]));
        if (n->kind[b] == LEAK_WEAK)
            assert_int_equal(g->blocks[b].holder, n->holder[b]);
        sums[n->kind[b]].bytes += n->size[b];
        sums[n->kind[b]].blocks++;
        kinds_seen[n->kind[b]]++;
    }
    assert_memory_equal(sums, g->sums, sizeof sums);
}

static void kinds_are_those_of_the_reference(void **state)
{
    (void)state;
    over_random_graphs(compare_kinds);
    for (unsigned k = 0; k < LEAK_KINDS; k++) /* the graphs are not all of one sort */
        assert_true(kinds_seen[k] > GRAPHS / 10);
}

static void kinds_are_the_same_the_long_way(void **state)
{
    (void)state;
    high_tags = UINT64_C(1) << 63;
    over_random_graphs(compare_kinds);
    high_tags = 0;
}

/* Each indirect block lies under one root that leads to it, and the sums are those. */
static void compare_owners(struct leakgraph *g, struct naive *n)
{
    struct leakgraph_sum sums[BLOCKS] = {{0, 0}};
    uint32_t roots = 0;

    for (uint32_t b = 0; b < n->count; b++) {
        roots += n->kind[b] == LEAK_DEFINITE;
        if (n->kind[b] == LEAK_DEFINITE)
            assert_int_equal(leakgraph_owner(g, b), b);
        if (n->kind[b] != LEAK_INDIRECT)
            continue;
        assert_true(leakgraph_owner(g, b) < n->count);
        assert_int_equal(n->kind[leakgraph_owner(g, b)], LEAK_DEFINITE);
        assert_true(n->reaches[leakgraph_owner(g, b)][b]);
        sums[leakgraph_owner(g, b)].bytes += n->size[b];
        sums[leakgraph_owner(g, b)].blocks++;
    }
    assert_int_equal(g->lost_count, roots);
    for (uint32_t i = 0; i < roots; i++)
        assert_memory_equal(&g->lost[i].below, &sums[g->lost[i].block], sizeof *sums);
    for (uint32_t i = 1; i < roots; i++)
        assert_true(g->lost[i - 1].below.bytes + n->size[g->lost[i - 1].block] >=
                    g->lost[i].below.bytes + n->size[g->lost[i].block]);
}

static void lost_blocks_lie_under_roots_that_lead_to_them(void **state)
{
    (void)state;
    over_random_graphs(compare_owners);
}

static void compare_cycles(struct leakgraph *g, struct naive *n)
{
    bool named[BLOCKS] = {false};

    cycles_seen += g->cycle_count;
    for (uint32_t i = 0; i < g->cycle_count; i++) {
        const struct leakgraph_cycle *c = &g->cycles[i];
        const uint32_t *blocks = &g->cycle_blocks[c->first];
        uint64_t bytes = 0;

        assert_true(c->count >= 2);
        for (uint32_t k = 0; k < c->count; k++) {
            assert_false(named[blocks[k]]);
            named[blocks[k]] = true;
            assert_true(both_ways(n, blocks[0], blocks[k]));
            bytes += n->size[blocks[k]];
        }
        assert_int_equal(bytes, c->bytes);
        for (uint32_t b = 0; b < n->count; b++) /* all of them */
            assert_true(named[b] || b == blocks[0] || !both_ways(n, b, blocks[0]));
    }
    for (uint32_t a = 0; a < n->count; a++) {
        bool in_cycle = false;

        for (uint32_t b = 0; b < n->count; b++)
            in_cycle |= a != b && both_ways(n, a, b);
        assert_int_equal(named[a], in_cycle);
    }
    for (uint32_t i = 0; i < g->lost_count; i++) {
        assert_int_equal(g->lost[i].cycle != LEAKGRAPH_NONE, named[g->lost[i].block]);
        if (g->lost[i].cycle != LEAKGRAPH_NONE)
            assert_int_equal(g->cycle_blocks[g->cycles[g->lost[i].cycle].first], g->lost[i].block);
    }
}

static void cycles_are_the_strong_components(void **state)
{
    (void)state;
    over_random_graphs(compare_cycles);
    assert_true(cycles_seen > GRAPHS / 10);
}

/* What the sources lead to without one block. */
static void reached_without(const struct naive *n, uint32_t without, bool set[BLOCKS])
{
    for (uint32_t b = 0; b < n->count; b++) {
        set[b] = n->from_root[b] != EDGE_NONE || n->kind[b] == LEAK_DEFINITE;
        for (uint32_t w = 0; w < n->weak_count; w++)
            set[b] |= n->from_weak[w][b] != EDGE_NONE;
        set[b] &= b != without;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t a = 0; a < n->count; a++)
            for (uint32_t b = 0; set[a] && b < n->count; b++)
                if (!set[b] && b != without && n->edge[a][b] != EDGE_NONE)
                    changed = set[b] = true;
    }
}

static void compare_dominators(struct leakgraph *g, struct naive *n)
{
    bool dominates[BLOCKS][BLOCKS];
    uint32_t depth[BLOCKS] = {0};

    assert_int_equal(leakgraph_dominate(g, NULL), 0);
    for (uint32_t a = 0; a < n->count; a++) {
        uint64_t retained = 0;
        bool set[BLOCKS];

        reached_without(n, a, set);
        for (uint32_t b = 0; b < n->count; b++) {
            dominates[a][b] = !set[b];
            retained += set[b] ? 0 : n->size[b];
            depth[b] += !set[b];
        }
        assert_int_equal(g->retained[a], retained);
    }
    /* the closest of those that dominate it: the one that most others dominate */
    for (uint32_t b = 0; b < n->count; b++) {
        uint32_t closest = LEAKGRAPH_NONE;

        for (uint32_t a = 0; a < n->count; a++)
            if (a != b && dominates[a][b] &&
                (closest == LEAKGRAPH_NONE || depth[a] > depth[closest]))
                closest = a;
        assert_int_equal(g->dominator[b], closest);
    }
}

static void dominators_are_what_all_paths_pass(void **state)
{
    (void)state;
    over_random_graphs(compare_dominators);
}

static void compare_groups(struct leakgraph *g, struct naive *n)
{
    uint32_t group[BLOCKS];
    uint64_t bytes[3];

    assert_int_equal(leakgraph_dominate(g, NULL), 0);
    for (uint32_t b = 0; b < n->count; b++)
        group[b] = (b * 7 + n->count) % 3;
    assert_int_equal(leakgraph_retained_by_group(g, group, 3, bytes, NULL), 0);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t expected = 0;

        for (uint32_t b = 0; b < n->count; b++) {
            bool under = false;

            for (uint32_t at = b; at != LEAKGRAPH_NONE; at = g->dominator[at])
                under |= group[at] == i;
            expected += under ? n->size[b] : 0;
        }
        assert_int_equal(bytes[i], expected);
    }
}

static void retained_bytes_of_a_group_count_once(void **state)
{
    (void)state;
    over_random_graphs(compare_groups);
}

/* Steps to every block from where chains of its kind begin; BLOCKS + 1: none. */
static uint32_t naive_steps(const struct naive *n, uint32_t target, uint32_t owner)
{
    enum leak_kind kind = n->kind[target];
    enum edge least = kind == LEAK_REACHABLE ? EDGE_START : EDGE_INTERIOR;
    uint32_t steps[BLOCKS];

    for (uint32_t b = 0; b < n->count; b++) {
        steps[b] = BLOCKS + 1;
        if (kind <= LEAK_POSSIBLE && n->from_root[b] >= least)
            steps[b] = 1;
        if (kind == LEAK_WEAK && n->kind[b] == LEAK_WEAK && n->holder[b] == n->holder[target] &&
            n->from_weak[n->holder[target]][b])
            steps[b] = 1;
        if (kind >= LEAK_DEFINITE && b == owner)
            steps[b] = 0;
    }
    for (uint32_t round = 0; round < n->count; round++)
        for (uint32_t a = 0; a < n->count; a++)
            for (uint32_t b = 0; b < n->count; b++) {
                if (n->edge[a][b] < least || (kind == LEAK_WEAK && n->kind[b] != LEAK_WEAK))
                    continue;
                if (kind == LEAK_WEAK && n->holder[b] != n->holder[target])
                    continue;
                if (steps[b] > steps[a] + 1)
                    steps[b] = steps[a] + 1;
            }
    return steps[target];
}

/* Every step is a word of memory that says so, and leads to where the next one begins. */
static void check_chain(struct naive *n, const struct leakgraph_path *path, uint32_t target,
                        uint32_t owner)
{
    for (uint32_t i = 0; i < path->count; i++) {
        const struct leakgraph_reference *step = &path->steps[i];
        uint64_t value;

        if (step->from == LEAKGRAPH_NONE) {
            uint64_t start =
                step->kind == ROOT_WEAK ? n->weak[step->root].start : n->roots[step->root].start;

            assert_int_equal(i, 0);
            value = step->kind == ROOT_REGISTER ? start : word_at(n, start + step->offset);
        } else {
            assert_int_equal(step->from, i ? path->steps[i - 1].to : owner);
            value = word_at(n, n->address[step->from] + step->offset);
        }
        assert_int_equal(value, n->address[step->to] + step->into);
        assert_int_equal(step->pointer, step->into ? POINTER_INTERIOR : POINTER_START);
        if (n->kind[target] == LEAK_REACHABLE)
            assert_int_equal(step->pointer, POINTER_START);
    }
    if (path->count)
        assert_int_equal(path->steps[path->count - 1].to, target);
}

static void compare_paths(struct leakgraph *g, struct naive *n)
{
    for (uint32_t b = 0; b < n->count; b++) {
        uint32_t owner = leakgraph_owner(g, b);
        struct leakgraph_path path;

        assert_int_equal(leakgraph_why(g, b, &path, NULL), 0);
        assert_int_equal(path.count, naive_steps(n, b, owner));
        check_chain(n, &path, b, owner);
        leakgraph_path_release(&path);
    }
}

static void paths_are_the_shortest_and_hold(void **state)
{
    (void)state;
    over_random_graphs(compare_paths);
}

struct found {
    uint32_t count;
    uint32_t best[BLOCKS]; /* by the block at the other end; enum edge */
    uint32_t root;
    bool referrers;
};

static bool take(void *context, const struct leakgraph_reference *r)
{
    struct found *f = context;
    uint32_t other = f->referrers ? r->from : r->to;
    enum edge edge = r->pointer == POINTER_START ? EDGE_START : EDGE_INTERIOR;

    f->count++;
    if (other == LEAKGRAPH_NONE)
        f->root = f->root > edge ? f->root : edge;
    else if (f->best[other] < edge)
        f->best[other] = edge;
    return true;
}

static void compare_references(struct leakgraph *g, struct naive *n)
{
    for (uint32_t b = 0; b < n->count; b++) {
        struct found to = {.referrers = false}, from = {.referrers = true};
        uint32_t root = n->from_root[b];

        leakgraph_referents(g, b, take, &to);
        leakgraph_referrers(g, b, take, &from);
        for (uint32_t other = 0; other < n->count; other++) {
            assert_int_equal(to.best[other], n->edge[b][other]);
            assert_int_equal(from.best[other], n->edge[other][b]);
        }
        for (uint32_t w = 0; w < n->weak_count; w++)
            root = root > n->from_weak[w][b] ? root : n->from_weak[w][b];
        assert_int_equal(from.root, root);
    }
}

static void referrers_and_referents_are_the_edges(void **state)
{
    (void)state;
    over_random_graphs(compare_references);
}

/* -------------------------------------------------- one thing at a time --- */

static struct memory small;

/* A graph over `small` with one register as root. */
static void begin(struct leakgraph *g, const struct leakgraph_options *options, uint64_t value)
{
    struct leakgraph_reader reader = reader_of(&small);

    leakgraph_init(g, &reader, options);
    assert_int_equal(leakgraph_add_value(g, ROOT_REGISTER, 0, value, NULL), 0);
}

static enum leak_kind kind_with(const struct leakgraph_options *options, uint64_t value,
                                uint64_t size)
{
    enum leak_kind kind;
    struct leakgraph g;

    begin(&g, options, value);
    assert_int_equal(leakgraph_add_block(&g, HEAP, size, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    kind = g.blocks[0].kind;
    leakgraph_release(&g);
    return kind;
}

/* Counts as a start by this exception, and by no other. */
static void only_by(uint32_t heuristic, uint64_t value, uint64_t size)
{
    struct leakgraph_options options;

    leakgraph_options_init(&options);
    assert_int_equal(kind_with(&options, value, size), LEAK_REACHABLE);
    options.heuristics = LEAKGRAPH_HEURISTICS & ~heuristic;
    assert_int_equal(kind_with(&options, value, size), LEAK_POSSIBLE);
    options.heuristics = heuristic;
    assert_int_equal(kind_with(&options, value, size), LEAK_REACHABLE);
}

static void never(uint64_t value, uint64_t size)
{
    struct leakgraph_options options;

    leakgraph_options_init(&options);
    assert_int_equal(kind_with(&options, value, size), LEAK_POSSIBLE);
}

static void the_four_exceptions_count_as_starts(void **state)
{
    struct piece *block, *vtables;

    (void)state;
    small = (struct memory){.count = 0};
    block = memory_add(&small, HEAP, 16);
    vtables = memory_add(&small, GLOBALS, 16);

    block->words[0] = 5; /* length, capacity, use count of an old std::string */
    block->words[1] = 15;
    only_by(LEAKGRAPH_STDSTRING, HEAP + 24, 40);
    never(HEAP + 24, 48); /* the capacity does not fit */
    never(HEAP + 32, 40);
    block->words[0] = 16; /* longer than its capacity */
    never(HEAP + 24, 40);

    block->words[0] = 3; /* three elements of 24 bytes */
    only_by(LEAKGRAPH_NEWARRAY, HEAP + 8, 80);
    never(HEAP + 8, 82);
    never(HEAP + 16, 80);
    block->words[0] = 0;
    never(HEAP + 8, 80);

    block->words[0] = 101; /* odd: not the count of an array as well */
    only_by(LEAKGRAPH_LENGTH64 | LEAKGRAPH_NEWARRAY, HEAP + 8, 109);
    never(HEAP + 8, 110);

    block->words[0] = GLOBALS + 16; /* vtables: offset to top, type, first function */
    block->words[3] = GLOBALS + 64;
    vtables->words[0] = 0;
    vtables->words[6] = (uint64_t)-24;
    only_by(LEAKGRAPH_MULTIPLE, HEAP + 24, 64);
    vtables->words[6] = (uint64_t)-16; /* another object's */
    never(HEAP + 24, 64);
}

static void tags_are_taken_off_when_asked_for(void **state)
{
    struct leakgraph_options plain, low, high, compressed, past;

    (void)state;
    small = (struct memory){.count = 0};
    leakgraph_options_init(&plain);
    leakgraph_options_init(&low);
    low.low_tags = true;
    leakgraph_options_init(&high);
    high.high_tags = UINT64_C(0xffff) << 48;
    leakgraph_options_init(&past);
    past.past_end = true;
    leakgraph_options_init(&compressed);
    compressed.compressed = true;

    assert_int_equal(kind_with(&plain, HEAP + 3, 64), LEAK_POSSIBLE);
    assert_int_equal(kind_with(&low, HEAP + 3, 64), LEAK_REACHABLE);
    assert_int_equal(kind_with(&low, HEAP + 3, 0), LEAK_REACHABLE);
    assert_int_equal(kind_with(&low, HEAP + 8, 64), LEAK_POSSIBLE);
    assert_int_equal(kind_with(&plain, HEAP | UINT64_C(7) << 56, 64), LEAK_DEFINITE);
    assert_int_equal(kind_with(&high, HEAP | UINT64_C(7) << 56, 64), LEAK_REACHABLE);
    assert_int_equal(kind_with(&plain, HEAP + 64, 64), LEAK_DEFINITE);
    assert_int_equal(kind_with(&past, HEAP + 64, 64), LEAK_POSSIBLE);
    assert_int_equal(kind_with(&past, HEAP + 65, 64), LEAK_DEFINITE);
    assert_int_equal(kind_with(&plain, HEAP, 0), LEAK_REACHABLE);
}

/* One global word; the kind of the block at HEAP + 0x80000. */
static enum leak_kind kind_by_word(const struct leakgraph_options *options, uint64_t low_half,
                                   uint64_t high_half, uint32_t shift_bytes)
{
    struct leakgraph_reader reader = reader_of(&small);
    struct leakgraph g;
    enum leak_kind kind;
    uint64_t both = low_half | high_half << 32;

    small = (struct memory){.count = 0};
    memcpy((uint8_t *)memory_add(&small, GLOBALS, 3)->words + shift_bytes, &both, sizeof both);
    leakgraph_init(&g, &reader, options);
    assert_int_equal(leakgraph_add_root(&g, ROOT_GLOBAL, 0, GLOBALS, 24, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, HEAP + 0x80000, 64, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    kind = g.blocks[0].kind;
    leakgraph_release(&g);
    return kind;
}

static void compressed_and_unaligned_pointers_are_found(void **state)
{
    struct leakgraph_options plain, compressed, packed;
    uint64_t pointer = HEAP + 0x80000;

    (void)state;
    leakgraph_options_init(&plain);
    leakgraph_options_init(&compressed);
    compressed.compressed = true;
    compressed.step = 4;
    compressed.compressed_base = HEAP;
    compressed.compressed_shift = 3;
    leakgraph_options_init(&packed);
    packed.step = 1;

    assert_int_equal(kind_by_word(&plain, 0x10000, 0, 0), LEAK_DEFINITE);
    assert_int_equal(kind_by_word(&compressed, 0x10000, 0, 0), LEAK_REACHABLE);
    assert_int_equal(kind_by_word(&compressed, 77, 0x10000, 0), LEAK_REACHABLE);
    assert_int_equal(kind_by_word(&compressed, 77, 0x10000, 16), LEAK_REACHABLE); /* the last */
    assert_int_equal(kind_by_word(&plain, pointer & 0xffffffff, pointer >> 32, 3), LEAK_DEFINITE);
    for (uint32_t shift = 0; shift <= 16; shift++)
        assert_int_equal(kind_by_word(&packed, pointer & 0xffffffff, pointer >> 32, shift),
                         LEAK_REACHABLE);
}

static void unreadable_memory_is_passed_over_and_counted(void **state)
{
    struct leakgraph_options options;
    struct leakgraph_reader reader = reader_of(&small);
    struct leakgraph g;

    (void)state;
    small = (struct memory){.count = 0};
    memory_add(&small, GLOBALS, 4)->words[3] = HEAP;
    memory_add(&small, GLOBALS + 4096, 4)->words[0] = HEAP + 4096;
    leakgraph_options_init(&options);
    leakgraph_init(&g, &reader, &options);
    /* 100 GiB, of which 64 bytes are there */
    assert_int_equal(leakgraph_add_root(&g, ROOT_MAPPING, 0, GLOBALS, UINT64_C(100) << 30, NULL),
                     0);
    assert_int_equal(leakgraph_add_block(&g, HEAP + 4096, 16, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, HEAP, 32, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(g.sums[LEAK_REACHABLE].blocks, 2);
    assert_int_equal(g.unreadable_bytes, (UINT64_C(100) << 30) - 64 + 16 + 32);
    leakgraph_release(&g);
}

static void live_blocks_in_a_root_range_are_not_roots(void **state)
{
    struct leakgraph_options options;
    struct leakgraph_reader reader = reader_of(&small);
    struct leakgraph g;
    struct piece *pool;

    (void)state;
    small = (struct memory){.count = 0};
    pool = memory_add(&small, HEAP, 32);
    pool->words[0] = HEAP + 128;  /* before the blocks */
    pool->words[3] = HEAP + 192;  /* in the first block, which nothing refers to */
    pool->words[31] = HEAP + 160; /* after the last */
    leakgraph_options_init(&options);
    leakgraph_init(&g, &reader, &options);
    assert_int_equal(leakgraph_add_root(&g, ROOT_MAPPING, 0, HEAP, 256, NULL), 0);
    for (uint64_t at = 16; at <= 192; at += at == 16 ? 112 : 32)
        assert_int_equal(leakgraph_add_block(&g, HEAP + at, 16, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(g.count, 4);
    assert_int_equal(g.blocks[0].kind, LEAK_DEFINITE);  /* + 16 */
    assert_int_equal(g.blocks[1].kind, LEAK_REACHABLE); /* + 128 */
    assert_int_equal(g.blocks[2].kind, LEAK_REACHABLE); /* + 160 */
    assert_int_equal(g.blocks[3].kind, LEAK_INDIRECT);  /* + 192 */
    leakgraph_release(&g);
}

static void overlapping_and_repeated_blocks_are_counted(void **state)
{
    struct leakgraph_options options;
    struct leakgraph g;

    (void)state;
    small = (struct memory){.count = 0};
    leakgraph_options_init(&options);
    begin(&g, &options, 0);
    assert_int_equal(leakgraph_add_block(&g, HEAP + 64, 16, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, HEAP, 100, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, HEAP + 64, 32, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, HEAP + 4096, UINT64_C(9) << 32, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(g.count, 3);
    assert_int_equal(g.overlapping_blocks, 1);
    assert_int_equal(g.repeated_blocks, 1);
    assert_int_equal(leakgraph_size(&g, 0), 64);
    assert_int_equal(leakgraph_size(&g, 1), 32);
    assert_int_equal(leakgraph_size(&g, 2), UINT64_C(9) << 32);
    assert_int_equal(leakgraph_find(&g, HEAP + 4096 + (UINT64_C(8) << 32)), 2);
    assert_int_equal(leakgraph_find(&g, HEAP + 4096 + (UINT64_C(9) << 32)), LEAKGRAPH_NONE);
    assert_int_equal(leakgraph_find(&g, HEAP + 2048), LEAKGRAPH_NONE);
    assert_int_equal(leakgraph_find(&g, HEAP - 1), LEAKGRAPH_NONE);
    assert_int_equal(leakgraph_find(&g, UINT64_MAX), LEAKGRAPH_NONE);
    leakgraph_release(&g);
}

static void a_graph_without_blocks_answers(void **state)
{
    struct leakgraph_options options;
    struct leakgraph g;

    (void)state;
    small = (struct memory){.count = 0};
    leakgraph_options_init(&options);
    begin(&g, &options, 0);
    assert_int_equal(leakgraph_add_root(&g, ROOT_STACK, 0, GLOBALS, 4096, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(leakgraph_dominate(&g, NULL), 0);
    assert_int_equal(leakgraph_find(&g, HEAP), LEAKGRAPH_NONE);
    assert_int_equal(g.sums[LEAK_DEFINITE].blocks, 0);
    leakgraph_release(&g);
}

/*
 * A list of a million blocks, doubly linked, held at both ends: what recursion
 * would not survive, and what takes for ever with an algorithm that is quadratic.
 */
#define LONG UINT32_C(1000000)

static const void *list_bytes(void *context, uint64_t address, uint64_t *size)
{
    const uint64_t *words = context;

    *size = address >= HEAP && address < HEAP + 16 * LONG ? HEAP + 16 * LONG - address : 0;
    return *size ? words + (address - HEAP) / 8 : NULL;
}

static uint64_t *make_list(struct leakgraph *g)
{
    uint64_t *words = calloc(2 * LONG, sizeof *words);
    struct leakgraph_reader reader = {list_bytes, words};
    struct leakgraph_options options;

    assert_non_null(words);
    leakgraph_options_init(&options);
    leakgraph_init(g, &reader, &options);
    for (uint32_t i = 0; i < LONG; i++) {
        words[2 * i] = i + 1 < LONG ? HEAP + 16 * (uint64_t)(i + 1) : 0;
        words[2 * i + 1] = i ? HEAP + 16 * (uint64_t)(i - 1) : 0;
        assert_int_equal(leakgraph_add_block(g, HEAP + 16 * (uint64_t)i, 16, NULL), 0);
    }
    return words;
}

static void a_long_list_needs_no_recursion(void **state)
{
    struct leakgraph_path path;
    struct leakgraph g;
    uint64_t *words = make_list(&g), now, peak;

    (void)state;
    assert_int_equal(leakgraph_add_value(&g, ROOT_REGISTER, 0, HEAP, NULL), 0);
    assert_int_equal(leakgraph_add_value(&g, ROOT_REGISTER, 1, HEAP + 16 * (LONG - 1), NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(g.sums[LEAK_REACHABLE].blocks, LONG);
    assert_int_equal(leakgraph_dominate(&g, NULL), 0);
    for (uint32_t i = 0; i < LONG; i += 997) {
        assert_int_equal(g.dominator[i], LEAKGRAPH_NONE);
        assert_int_equal(g.retained[i], 16);
    }
    assert_int_equal(leakgraph_why(&g, LONG / 2 - 1, &path, NULL), 0);
    assert_int_equal(path.count, LONG / 2);
    leakgraph_path_release(&path);
    leakgraph_memory(&g, &now, &peak);
    assert_true(peak <= UINT64_C(48) * LONG + 65536);
    leakgraph_release(&g);
    free(words);
}

static void a_long_lost_list_is_one_cycle(void **state)
{
    struct leakgraph g;
    uint64_t *words = make_list(&g), now, peak;

    (void)state;
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(g.lost_count, 1);
    assert_int_equal(g.cycle_count, 1);
    assert_int_equal(g.cycles[0].count, LONG);
    assert_int_equal(g.lost[0].below.blocks, LONG - 1);
    leakgraph_memory(&g, &now, &peak);
    assert_true(peak <= UINT64_C(48) * LONG + 65536);
    assert_int_equal(leakgraph_dominate(&g, NULL), 0);
    assert_int_equal(g.retained[0], 16 * (uint64_t)LONG);
    assert_int_equal(g.retained[LONG - 1], 16);
    leakgraph_memory(&g, &now, &peak);
    assert_true(peak <= UINT64_C(60) * LONG + 65536);
    leakgraph_release(&g);
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_those_of_the_reference),
        cmocka_unit_test(kinds_are_the_same_the_long_way),
        cmocka_unit_test(lost_blocks_lie_under_roots_that_lead_to_them),
        cmocka_unit_test(cycles_are_the_strong_components),
        cmocka_unit_test(dominators_are_what_all_paths_pass),
        cmocka_unit_test(retained_bytes_of_a_group_count_once),
        cmocka_unit_test(paths_are_the_shortest_and_hold),
        cmocka_unit_test(referrers_and_referents_are_the_edges),
        cmocka_unit_test(the_four_exceptions_count_as_starts),
        cmocka_unit_test(tags_are_taken_off_when_asked_for),
        cmocka_unit_test(compressed_and_unaligned_pointers_are_found),
        cmocka_unit_test(unreadable_memory_is_passed_over_and_counted),
        cmocka_unit_test(live_blocks_in_a_root_range_are_not_roots),
        cmocka_unit_test(overlapping_and_repeated_blocks_are_counted),
        cmocka_unit_test(a_graph_without_blocks_answers),
        cmocka_unit_test(a_long_list_needs_no_recursion),
        cmocka_unit_test(a_long_lost_list_is_one_cycle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
