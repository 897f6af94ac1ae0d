// SPDX-License-Identifier: Apache-2.0
/*
 * What a profile keeps of a search, made into a graph again, must answer as the graph did
 * that read the process's memory.  What random heaps do not have is tested one by one.
 */
#include "src/host/leaks/heapimage.h"
#include "src/host/profile/search-check.h"
#include "tests/unit/random-graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GRAPHS 3000
#define POINTERS 4096

/* ----------------------------------------- what a search would have kept -- */

struct kept {
    struct profile profile;
    const struct leakgraph *graph;
};

static uint64_t address_of(const struct leakgraph *g, const struct leakgraph_reference *r)
{
    if (r->from != LEAKGRAPH_NONE)
        return g->blocks[r->from].address + r->offset;
    return (r->kind == ROOT_WEAK ? g->weak : g->roots)[r->root].start + r->offset;
}

static bool keep_pointer(void *context, const struct leakgraph_reference *r)
{
    struct kept *k = context;
    struct profile *p = &k->profile;
    uint64_t start = k->graph->blocks[r->to].address;

    if (r->from == LEAKGRAPH_NONE && r->kind != ROOT_WEAK && k->graph->roots[r->root].size == 0)
        return true;
    assert_true(p->pointer_count < POINTERS && p->exception_count < POINTERS);
    p->pointers[p->pointer_count++] =
        (struct profile_pointer){.address = address_of(k->graph, r), .value = start + r->into};
    if (r->pointer == POINTER_HEURISTIC)
        p->exceptions[p->exception_count++].address = start + r->into;
    return true;
}

static int by_address(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y; /* the first member of either */

    return *a < *b ? -1 : *a > *b;
}

/* Sorted, each address once: of rows of `size` bytes that begin with it.  How many are left. */
static uint32_t once_each(void *rows, uint32_t count, size_t size)
{
    uint8_t *bytes = rows;
    uint32_t left = 0;

    if (count)
        qsort(rows, count, size, by_address);
    for (uint32_t i = 0; i < count; i++)
        if (left == 0 || by_address(bytes + (left - 1) * size, bytes + i * size) != 0)
            memmove(bytes + left++ * size, bytes + i * size, size);
    return left;
}

static void keep_blocks(struct profile *p, const struct leakgraph *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        p->blocks[p->block_count++] = (struct profile_block){.address = g->blocks[i].address,
                                                             .size = leakgraph_size(g, i),
                                                             .kind = leakgraph_kind(g, i)};
}

static void keep_roots(struct profile *p, const struct leakgraph *g)
{
    for (uint32_t i = 0; i < g->weak_count; i++)
        p->roots[p->root_count++] =
            (struct profile_root){g->weak[i].start, g->weak[i].size, ROOT_WEAK, 0, 0, 0};
    for (uint32_t i = 0; i < g->root_count; i++)
        p->roots[p->root_count++] =
            (struct profile_root){g->roots[i].start, g->roots[i].size, g->roots[i].kind, 0, 0, 0};
}

static void keep(struct kept *k, struct leakgraph *g)
{
    struct profile *p = &k->profile;

    k->graph = g;
    profile_init(p);
    p->blocks = calloc(BLOCKS, sizeof *p->blocks);
    p->pointers = calloc(POINTERS, sizeof *p->pointers);
    p->exceptions = calloc(POINTERS, sizeof *p->exceptions);
    p->roots = calloc(ROOTS + WEAK, sizeof *p->roots);
    assert_true(p->blocks && p->pointers && p->exceptions && p->roots);
    p->search = (struct profile_search){.number = 1,
                                        .method = SEARCH_PTRACE,
                                        .graph = GRAPH_WHOLE,
                                        .step = g->options.step,
                                        .low_tags = g->options.low_tags,
                                        .high_tags = g->options.high_tags,
                                        .past_end = g->options.past_end,
                                        .compressed = g->options.compressed,
                                        .compressed_shift = g->options.compressed_shift,
                                        .compressed_base = g->options.compressed_base};
    keep_blocks(p, g);
    keep_roots(p, g);
    for (uint32_t i = 0; i < g->count; i++)
        leakgraph_referrers(g, i, keep_pointer, k);
    p->pointer_count = once_each(p->pointers, p->pointer_count, sizeof *p->pointers);
    p->exception_count = once_each(p->exceptions, p->exception_count, sizeof *p->exceptions);
}

static void open_image(struct heapimage *h, struct kept *k, struct leakgraph *g)
{
    keep(k, g);
    assert_int_equal(heapimage_init(h, &k->profile, NULL), 0);
}

static void close_image(struct heapimage *h, struct kept *k)
{
    heapimage_release(h);
    profile_release(&k->profile);
}

/* -------------------------------------------------------------- comparing -- */

static void assert_same_kinds(const struct leakgraph *g, const struct leakgraph *image)
{
    assert_int_equal(image->count, g->count);
    assert_memory_equal(image->sums, g->sums, sizeof g->sums);
    for (uint32_t i = 0; i < g->count; i++) {
        assert_int_equal(image->blocks[i].address, g->blocks[i].address);
        assert_string_equal(leak_kind_name(leakgraph_kind(image, i)),
                            leak_kind_name(leakgraph_kind(g, i)));
        assert_int_equal(leakgraph_holder(image, i), leakgraph_holder(g, i));
        assert_int_equal(leakgraph_owner(image, i), leakgraph_owner(g, i));
    }
}

static void assert_same_lost(const struct leakgraph *g, const struct leakgraph *image)
{
    assert_int_equal(image->lost_count, g->lost_count);
    assert_int_equal(image->cycle_count, g->cycle_count);
    for (uint32_t i = 0; i < g->lost_count; i++) {
        assert_int_equal(image->lost[i].block, g->lost[i].block);
        assert_int_equal(image->lost[i].below.bytes, g->lost[i].below.bytes);
    }
}

static void assert_same_retained(struct leakgraph *g, struct leakgraph *image)
{
    assert_int_equal(leakgraph_dominate(g, NULL), 0);
    assert_int_equal(leakgraph_dominate(image, NULL), 0);
    assert_memory_equal(image->retained, g->retained, g->count * sizeof *g->retained);
    assert_memory_equal(image->dominator, g->dominator, g->count * sizeof *g->dominator);
}

static void assert_same_paths(struct leakgraph *g, struct heapimage *h)
{
    for (uint32_t i = 0; i < g->count; i++) {
        struct leakgraph_path was, is;

        assert_int_equal(leakgraph_why(g, i, &was, NULL), 0);
        assert_int_equal(leakgraph_why(&h->graph, i, &is, NULL), 0);
        assert_int_equal(is.count, was.count);
        for (uint32_t k = 0; k < is.count; k++) {
            const struct leakgraph_reference *r = &is.steps[k];
            uint32_t pointer = heapimage_pointer(h, r), root = heapimage_root(h, r);

            assert_int_equal(root == UINT32_MAX, r->from != LEAKGRAPH_NONE);
            if (root != UINT32_MAX)
                assert_int_equal(h->profile->roots[root].kind, r->kind);
            if (root != UINT32_MAX && h->profile->roots[root].size == 0)
                assert_int_equal(pointer, UINT32_MAX);
            else
                assert_int_equal(h->profile->pointers[pointer].value,
                                 g->blocks[r->to].address + r->into);
        }
        leakgraph_path_release(&was);
        leakgraph_path_release(&is);
    }
}

static void an_image_answers_as_memory_did(void **state)
{
    static struct naive n;
    uint32_t seen[LEAK_KINDS] = {0};

    (void)state;
    for (uint64_t i = 0; i < GRAPHS; i++) {
        struct heapimage h;
        struct leakgraph g;
        struct kept k;
        struct error e;

        naive_make(&n, i);
        naive_graph(&g, &n);
        open_image(&h, &k, &g);
        if (search_check(&k.profile, 1, 1, &e) != 0)
            fail_msg("%s", e.text);
        assert_same_kinds(&g, &h.graph);
        assert_same_lost(&g, &h.graph);
        assert_same_retained(&g, &h.graph);
        assert_same_paths(&g, &h);
        for (unsigned kind = 0; kind < LEAK_KINDS; kind++)
            seen[kind] += g.sums[kind].blocks;
        close_image(&h, &k);
        leakgraph_release(&g);
    }
    for (unsigned kind = 0; kind < LEAK_KINDS; kind++)
        assert_true(seen[kind] > GRAPHS / 10);
}

/* --------------------------------------------------- one thing at a time -- */

/* Three blocks of 64 bytes in a chain from the globals; memory and options are the test's. */
static struct memory small;

static void compare_small(const struct leakgraph_options *options, const enum leak_kind kinds[3])
{
    struct leakgraph_reader reader = memory_reader(&small);
    struct heapimage h;
    struct leakgraph g;
    struct kept k;

    leakgraph_init(&g, &reader, options);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(leakgraph_add_block(&g, HEAP + 0x100 * i, 64, NULL), 0);
    assert_int_equal(leakgraph_add_root(&g, ROOT_GLOBAL, 0, GLOBALS, 64, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(leakgraph_mark(&g, NULL), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_string_equal(leak_kind_name(leakgraph_kind(&g, i)), leak_kind_name(kinds[i]));
    open_image(&h, &k, &g);
    assert_same_kinds(&g, &h.graph);
    close_image(&h, &k);
    leakgraph_release(&g);
}

static uint8_t *fresh_memory(struct piece *blocks[3])
{
    memset(&small, 0, sizeof small);
    for (uint32_t i = 0; i < 3; i++)
        blocks[i] = memory_add(&small, HEAP + 0x100 * i, 8);
    return (uint8_t *)memory_add(&small, GLOBALS, 8)->words;
}

static void put(void *words, size_t offset, uint64_t value, size_t size)
{
    memcpy((uint8_t *)words + offset, &value, size);
}

static void exceptions_are_as_they_were_found(void **state)
{
    static const enum leak_kind kinds[3] = {LEAK_REACHABLE, LEAK_REACHABLE, LEAK_POSSIBLE};
    struct leakgraph_options options;
    struct piece *blocks[3];
    uint8_t *globals = fresh_memory(blocks);

    (void)state;
    leakgraph_options_init(&options);
    put(globals, 8, HEAP + 8, 8); /* behind its length */
    put(blocks[0]->words, 0, 56, 8);
    put(blocks[0]->words, 16, HEAP + 0x108, 8); /* behind a count of elements */
    put(blocks[1]->words, 0, 7, 8);
    put(blocks[1]->words, 56, HEAP + 0x208, 8); /* behind nothing */
    compare_small(&options, kinds);
}

static void pointers_that_are_not_aligned(void **state)
{
    static const enum leak_kind kinds[3] = {LEAK_REACHABLE, LEAK_REACHABLE, LEAK_REACHABLE};
    struct leakgraph_options options;
    struct piece *blocks[3];
    uint8_t *globals = fresh_memory(blocks);

    (void)state;
    leakgraph_options_init(&options);
    options.step = 1;
    put(globals, 3, HEAP, 8);
    put(blocks[0]->words, 9, HEAP + 0x100, 8); /* in two words, the next behind it in one of them */
    put(blocks[0]->words, 17, HEAP + 0x200, 8);
    compare_small(&options, kinds);
    options.step = 8;
    compare_small(&options, (const enum leak_kind[3]){LEAK_DEFINITE, LEAK_DEFINITE, LEAK_DEFINITE});
}

static void compressed_pointers(void **state)
{
    static const enum leak_kind kinds[3] = {LEAK_REACHABLE, LEAK_REACHABLE, LEAK_REACHABLE};
    struct leakgraph_options options;
    struct piece *blocks[3];
    uint8_t *globals = fresh_memory(blocks);

    (void)state;
    leakgraph_options_init(&options);
    options.compressed = true;
    options.compressed_base = HEAP - 0x80;
    options.compressed_shift = 3;
    options.step = 4;
    put(globals, 8, HEAP, 8);
    put(blocks[0]->words, 12, 0x180 >> 3, 4); /* side by side */
    put(blocks[0]->words, 16, 0x280 >> 3, 4);
    compare_small(&options, kinds);
}

static void tags_and_one_past_the_end(void **state)
{
    static const enum leak_kind kinds[3] = {LEAK_REACHABLE, LEAK_REACHABLE, LEAK_POSSIBLE};
    struct leakgraph_options options;
    struct piece *blocks[3];
    uint8_t *globals = fresh_memory(blocks);

    (void)state;
    leakgraph_options_init(&options);
    options.low_tags = options.past_end = true;
    options.high_tags = UINT64_C(0xffff) << 48;
    put(globals, 8, HEAP + 3, 8);
    put(blocks[0]->words, 8, (HEAP + 0x100) | UINT64_C(0xbeef) << 48, 8);
    put(blocks[1]->words, 8, HEAP + 0x240, 8);
    compare_small(&options, kinds);
}

static void blocks_are_found_by_any_address_in_them(void **state)
{
    static struct naive n;
    struct heapimage h;
    struct leakgraph g;
    struct kept k;

    (void)state;
    naive_make(&n, 1);
    naive_graph(&g, &n);
    open_image(&h, &k, &g);
    for (uint32_t i = 0; i < g.count; i++) {
        uint64_t start = g.blocks[i].address, size = leakgraph_size(&g, i);

        assert_int_equal(heapimage_find(&h, start), i);
        assert_int_equal(heapimage_find(&h, start + size - 1), i);
        assert_int_not_equal(heapimage_find(&h, start + size), i);
    }
    assert_int_equal(heapimage_find(&h, HEAP - 1), UINT32_MAX);
    assert_int_equal(heapimage_find(&h, UINT64_MAX), UINT32_MAX);
    close_image(&h, &k);
    leakgraph_release(&g);
}

static void an_empty_graph(void **state)
{
    struct profile p;
    struct heapimage h;

    (void)state;
    profile_init(&p);
    p.search.graph = GRAPH_WHOLE;
    assert_int_equal(heapimage_init(&h, &p, NULL), 0);
    assert_int_equal(heapimage_find(&h, HEAP), UINT32_MAX);
    heapimage_release(&h);
    profile_release(&p);
}

/* Each root is in order, but all of them make a scan go through the heap again and again. */
static void roots_that_overlap_without_end_are_refused(void **state)
{
    const uint32_t blocks = 20000, roots = 2000;
    struct profile p;
    struct heapimage h;
    struct error e;

    (void)state;
    profile_init(&p);
    p.search.graph = GRAPH_WHOLE;
    p.blocks = calloc(blocks, sizeof *p.blocks);
    p.roots = calloc(roots, sizeof *p.roots);
    assert_true(p.blocks && p.roots);
    for (uint32_t i = 0; i < blocks; i++)
        p.blocks[i] = (struct profile_block){.address = HEAP + 32 * i, .size = 16};
    for (uint32_t i = 0; i < roots; i++)
        p.roots[i] = (struct profile_root){.start = HEAP, .size = 32 * blocks, .kind = ROOT_NAMED};
    p.block_count = blocks;
    p.root_count = 2;
    assert_int_equal(heapimage_init(&h, &p, &e), 0);
    heapimage_release(&h);
    p.root_count = roots;
    assert_int_equal(heapimage_init(&h, &p, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_answers_as_memory_did),
        cmocka_unit_test(exceptions_are_as_they_were_found),
        cmocka_unit_test(pointers_that_are_not_aligned),
        cmocka_unit_test(compressed_pointers),
        cmocka_unit_test(tags_and_one_past_the_end),
        cmocka_unit_test(blocks_are_found_by_any_address_in_them),
        cmocka_unit_test(an_empty_graph),
        cmocka_unit_test(roots_that_overlap_without_end_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
