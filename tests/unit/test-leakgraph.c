// SPDX-License-Identifier: Apache-2.0
/*
 * The graph of references against a reference that is naive on purpose: edges
 * in a matrix, every question answered by trying, over 10,000 random graphs.
 * What a random graph seldom has (exceptions, tags, holes) is tested one by one.
 */
#include "src/host/graph/leakgraph-scan.h"
#include "tests/unit/random-graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GRAPHS 10000

typedef void compare(struct leakgraph *g, struct naive *n);

static void over_random_graphs(compare *check)
{
    static struct naive n;

    for (uint64_t i = 0; i < GRAPHS; i++) {
        struct leakgraph g;

        naive_make(&n, i);
        naive_graph(&g, &n);
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
        assert_string_equal(leak_kind_name(leakgraph_kind(g, b)), leak_kind_name(n->kind[b]));
        if (n->kind[b] == LEAK_WEAK)
            assert_int_equal(leakgraph_holder(g, b), n->holder[b]);
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
    naive_high_tags = UINT64_C(1) << 63;
    over_random_graphs(compare_kinds);
    naive_high_tags = 0;
}

static bool refers_to_lost(const struct naive *n, uint32_t block)
{
    bool refers = false;

    for (uint32_t b = 0; b < n->count; b++)
        refers |= b != block && n->edge[block][b] != EDGE_NONE && n->kind[b] >= LEAK_DEFINITE;
    return refers;
}

/* Each indirect block lies under one root that leads to it, and the sums are those. */
static void compare_owners(struct leakgraph *g, struct naive *n)
{
    struct leakgraph_sum sums[BLOCKS] = {{0, 0}};
    uint32_t roots = 0;

    for (uint32_t b = 0; b < n->count; b++) {
        roots += n->kind[b] == LEAK_DEFINITE && refers_to_lost(n, b);
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
        assert_true(g->lost[i - 1].block < g->lost[i].block);
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
            assert_true(naive_both_ways(n, blocks[0], blocks[k]));
            bytes += n->size[blocks[k]];
        }
        assert_int_equal(bytes, c->bytes);
        for (uint32_t b = 0; b < n->count; b++) /* all of them */
            assert_true(named[b] || b == blocks[0] || !naive_both_ways(n, b, blocks[0]));
    }
    for (uint32_t a = 0; a < n->count; a++) {
        bool in_cycle = false;

        for (uint32_t b = 0; b < n->count; b++)
            in_cycle |= a != b && naive_both_ways(n, a, b);
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
            value = step->kind == ROOT_REGISTER ? start : naive_word(n, start + step->offset);
        } else {
            assert_int_equal(step->from, i ? path->steps[i - 1].to : owner);
            value = naive_word(n, n->address[step->from] + step->offset);
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
    memory_use(g, &small, options);
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
    kind = leakgraph_kind(&g, 0);
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

static bool take_pointer(void *context, const struct leakgraph_reference *r)
{
    *(uint32_t *)context = r->pointer;
    return true;
}

/* What lies in a block is no vtable, whoever asks, and whichever block is looked for. */
static void referrers_are_what_marking_took_them_for(void **state)
{
    const uint64_t other = HEAP + 0x1000, referrer = HEAP + 0x2000;
    uint32_t pointer = POINTER_NONE;
    struct leakgraph_options options;
    struct leakgraph g;
    struct piece *block;

    (void)state;
    small = (struct memory){.count = 0};
    block = memory_add(&small, HEAP, 8);
    block->words[0] = other + 16;
    block->words[3] = other + 64;
    memory_add(&small, other, 16)->words[6] = (uint64_t)-24;
    memory_add(&small, referrer, 2)->words[1] = HEAP + 24;
    leakgraph_options_init(&options);
    begin(&g, &options, referrer);
    assert_int_equal(leakgraph_add_block(&g, HEAP, 64, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, other, 128, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, referrer, 16, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(leakgraph_kind(&g, 0), LEAK_POSSIBLE);
    leakgraph_referrers(&g, 0, take_pointer, &pointer);
    assert_int_equal(pointer, POINTER_INTERIOR);
    leakgraph_release(&g);
}

static void tags_are_taken_off_when_asked_for(void **state)
{
    struct leakgraph_options plain, low, high, compressed, past;

    (void)state;
    small = (struct memory){.count = 0};
    memory_add(&small, HEAP, 16);
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

/* The kind of the block at HEAP, of `size` bytes, by one word of another block. */
static enum leak_kind kind_through(const struct leakgraph_options *options, uint64_t word,
                                   uint64_t size)
{
    enum leak_kind kind;
    struct leakgraph g;

    small = (struct memory){.count = 0};
    memory_add(&small, HEAP + (UINT64_C(8) << 30), 2)->words[1] = word;
    begin(&g, options, HEAP + (UINT64_C(8) << 30));
    assert_int_equal(leakgraph_add_block(&g, HEAP, size, NULL), 0);
    assert_int_equal(leakgraph_add_block(&g, HEAP + (UINT64_C(8) << 30), 16, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    kind = leakgraph_kind(&g, 0);
    leakgraph_release(&g);
    return kind;
}

static void words_of_blocks_may_be_tagged_and_point_far_inside(void **state)
{
    struct leakgraph_options plain, high;
    uint64_t large = UINT64_C(6) << 30;

    (void)state;
    leakgraph_options_init(&plain);
    leakgraph_options_init(&high);
    high.high_tags = UINT64_C(0xff) << 56;

    assert_int_equal(kind_through(&plain, HEAP, 64), LEAK_REACHABLE);
    assert_int_equal(kind_through(&plain, HEAP + 63, 64), LEAK_POSSIBLE);
    assert_int_equal(kind_through(&plain, HEAP + 64, 64), LEAK_DEFINITE);
    assert_int_equal(kind_through(&plain, HEAP + large - 1, large), LEAK_POSSIBLE);
    assert_int_equal(kind_through(&plain, HEAP + large, large), LEAK_DEFINITE);
    assert_int_equal(kind_through(&plain, HEAP + (UINT64_C(1) << 31), large), LEAK_POSSIBLE);
    assert_int_equal(kind_through(&plain, HEAP | UINT64_C(1) << 63, 64), LEAK_DEFINITE);
    assert_int_equal(kind_through(&high, HEAP | UINT64_C(1) << 63, 64), LEAK_REACHABLE);
    assert_int_equal(kind_through(&high, HEAP | UINT64_C(0x40) << 56, 64), LEAK_REACHABLE);
    assert_int_equal(kind_through(&high, HEAP | UINT64_C(1) << 55, 64), LEAK_DEFINITE);
}

/* One global word; the kind of the block at HEAP + 0x80000. */
static enum leak_kind kind_by_word(const struct leakgraph_options *options, uint64_t low_half,
                                   uint64_t high_half, uint32_t shift_bytes)
{
    struct leakgraph_reader reader = memory_reader(&small);
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
    kind = leakgraph_kind(&g, 0);
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
    struct leakgraph_reader reader = memory_reader(&small);
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
    struct leakgraph g;
    struct piece *pool;

    (void)state;
    small = (struct memory){.count = 0};
    pool = memory_add(&small, HEAP, 32);
    pool->words[0] = HEAP + 128;  /* before the blocks */
    pool->words[3] = HEAP + 192;  /* in the first block, which nothing refers to */
    pool->words[31] = HEAP + 160; /* after the last */
    leakgraph_options_init(&options);
    memory_use(&g, &small, &options);
    assert_int_equal(leakgraph_add_root(&g, ROOT_MAPPING, 0, HEAP, 256, NULL), 0);
    for (uint64_t at = 16; at <= 192; at += at == 16 ? 112 : 32)
        assert_int_equal(leakgraph_add_block(&g, HEAP + at, 16, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(g.count, 4);
    assert_int_equal(leakgraph_kind(&g, 0), LEAK_DEFINITE);  /* + 16 */
    assert_int_equal(leakgraph_kind(&g, 1), LEAK_REACHABLE); /* + 128 */
    assert_int_equal(leakgraph_kind(&g, 2), LEAK_REACHABLE); /* + 160 */
    assert_int_equal(leakgraph_kind(&g, 3), LEAK_INDIRECT);  /* + 192 */
    leakgraph_release(&g);
}

/* A range that the program named holds what it points to, in a lost block too. */
static void a_named_range_may_lie_in_blocks(void **state)
{
    struct leakgraph_options options;
    struct leakgraph g;
    struct piece *piece;

    (void)state;
    small = (struct memory){.count = 0};
    piece = memory_add(&small, HEAP, 32);
    piece->words[1] = HEAP + 64;  /* in the range, as is the next */
    piece->words[2] = HEAP + 128; /* behind the first block */
    piece->words[3] = HEAP + 192; /* in no block and not in the range */
    leakgraph_options_init(&options);
    memory_use(&g, &small, &options);
    assert_int_equal(leakgraph_add_root(&g, ROOT_NAMED, 0, HEAP + 8, 16, NULL), 0);
    for (uint64_t at = 0; at <= 192; at += 64)
        assert_int_equal(leakgraph_add_block(&g, HEAP + at, 16, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(leakgraph_kind(&g, 0), LEAK_DEFINITE);
    assert_int_equal(leakgraph_kind(&g, 1), LEAK_REACHABLE);
    assert_int_equal(leakgraph_kind(&g, 2), LEAK_REACHABLE);
    assert_int_equal(leakgraph_kind(&g, 3), LEAK_DEFINITE);
    leakgraph_release(&g);
}

/* As in a damaged profile. */
static void a_root_may_end_behind_all_addresses(void **state)
{
    struct leakgraph_root root = {.kind = ROOT_NAMED, .start = HEAP, .size = UINT64_C(1) << 50};
    struct leakgraph_options options;
    struct leakgraph_gaps gaps;
    uint64_t start, end;
    struct leakgraph g;

    (void)state;
    small = (struct memory){.count = 0};
    leakgraph_options_init(&options);
    memory_use(&g, &small, &options);
    assert_int_equal(leakgraph_add_block(&g, HEAP + 64, 16, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    leakgraph_gaps_init(&gaps, &g, &root);
    assert_true(leakgraph_gaps_next(&gaps, &g, &start, &end));
    assert_int_equal(start, root.start);
    assert_int_equal(end, root.start + root.size);
    assert_false(leakgraph_gaps_next(&gaps, &g, &start, &end));
    root.kind = ROOT_MAPPING;
    leakgraph_gaps_init(&gaps, &g, &root);
    assert_true(leakgraph_gaps_next(&gaps, &g, &start, &end));
    assert_int_equal(end, HEAP + 64);
    assert_true(leakgraph_gaps_next(&gaps, &g, &start, &end));
    assert_int_equal(start, HEAP + 80);
    assert_int_equal(end, root.start + root.size);
    assert_false(leakgraph_gaps_next(&gaps, &g, &start, &end));
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
    /* as where memory runs out for what is asked later: nothing is lost then */
    assert_int_equal(leakgraph_mark_all(&g, LEAK_REACHABLE, NULL), 0);
    assert_int_equal(g.lost_count, 0);
    assert_int_equal(leakgraph_owner(&g, 1), LEAKGRAPH_NONE);
    leakgraph_release(&g);
    free(words);
}

/* Nothing is kept of lost blocks that lie alone, however many. */
static void lost_blocks_alone_take_no_memory(void **state)
{
    struct leakgraph g;
    uint64_t *words = make_list(&g), now, peak;

    (void)state;
    memset(words, 0, LONG * 2 * sizeof *words);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    leakgraph_memory(&g, &now, &peak);
    assert_true(now >= UINT64_C(16) * LONG);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    assert_int_equal(g.sums[LEAK_DEFINITE].blocks, LONG);
    assert_int_equal(g.sums[LEAK_DEFINITE].bytes, UINT64_C(16) * LONG);
    assert_int_equal(g.lost_count, 0);
    assert_int_equal(leakgraph_owner(&g, LONG - 1), LONG - 1);
    leakgraph_memory(&g, &now, &peak);
    assert_true(now <= UINT64_C(20) * LONG + 65536);
    assert_true(peak <= UINT64_C(24) * LONG + 65536);
    leakgraph_release(&g);
    free(words);
}

static int as_words(void **state)
{
    (void)state;
    memory_as_words = true;
    return 0;
}

static int as_it_is(void **state)
{
    (void)state;
    memory_forget_words();
    memory_as_words = false;
    return 0;
}

/* Once with the memory as it is, once with words that were kept of it. */
static const struct CMUnitTest both_ways[] = {
    cmocka_unit_test(kinds_are_those_of_the_reference),
    cmocka_unit_test(kinds_are_the_same_the_long_way),
    cmocka_unit_test(lost_blocks_lie_under_roots_that_lead_to_them),
    cmocka_unit_test(cycles_are_the_strong_components),
    cmocka_unit_test(dominators_are_what_all_paths_pass),
    cmocka_unit_test(retained_bytes_of_a_group_count_once),
    cmocka_unit_test(paths_are_the_shortest_and_hold),
    cmocka_unit_test(referrers_and_referents_are_the_edges),
    cmocka_unit_test(the_four_exceptions_count_as_starts),
    cmocka_unit_test(referrers_are_what_marking_took_them_for),
    cmocka_unit_test(tags_are_taken_off_when_asked_for),
    cmocka_unit_test(words_of_blocks_may_be_tagged_and_point_far_inside),
    cmocka_unit_test(live_blocks_in_a_root_range_are_not_roots),
    cmocka_unit_test(a_named_range_may_lie_in_blocks),
    cmocka_unit_test(a_root_may_end_behind_all_addresses),
};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressed_and_unaligned_pointers_are_found),
        cmocka_unit_test(unreadable_memory_is_passed_over_and_counted),
        cmocka_unit_test(overlapping_and_repeated_blocks_are_counted),
        cmocka_unit_test(a_graph_without_blocks_answers),
        cmocka_unit_test(a_long_list_needs_no_recursion),
        cmocka_unit_test(a_long_lost_list_is_one_cycle),
        cmocka_unit_test(lost_blocks_alone_take_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) +
           cmocka_run_group_tests(both_ways, NULL, NULL) +
           cmocka_run_group_tests(both_ways, as_words, as_it_is);
}
