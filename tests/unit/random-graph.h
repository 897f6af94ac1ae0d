/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random heaps for tests of the graph of references, with a reference that is naive on
 * purpose: edges in a matrix, every question answered by trying.
 */
#ifndef MEMPROF_TESTS_RANDOM_GRAPH_H
#define MEMPROF_TESTS_RANDOM_GRAPH_H

#include "src/host/graph/leakgraph.h"

#define BLOCKS 24
#define WORDS 8 /* a block's at most */
#define ROOTS 4
#define WEAK 3
#define HEAP UINT64_C(0x7f1200000000)
#define GLOBALS UINT64_C(0x560000000000)
#define GLOBAL_WORDS 64

struct piece {
    uint64_t start;
    uint64_t words[GLOBAL_WORDS];
    uint32_t count;
};

struct memory {
    struct piece pieces[BLOCKS + 1];
    uint32_t count;
};

struct piece *memory_add(struct memory *m, uint64_t start, uint32_t words);
struct leakgraph_reader memory_reader(struct memory *m);

/*
 * A graph over that memory: read as it is, or with memory_as_words through words kept of it
 * (keptwords.h), which memory_use makes and the next one releases.
 */
extern bool memory_as_words;
void memory_use(struct leakgraph *g, struct memory *m, const struct leakgraph_options *options);
void memory_forget_words(void);

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

/* A heap of which everything is known; the same for the same number. */
void naive_make(struct naive *n, uint64_t number);

/* The same as a graph, marked, its blocks given in another order. */
void naive_graph(struct leakgraph *g, struct naive *n);

/* Bits that no address here has: with one of them every word takes the way of tagged pointers. */
extern uint64_t naive_high_tags;

/* What lies at an address, 0 where there is no memory. */
uint64_t naive_word(struct naive *n, uint64_t address);

/* Whether each of two lost blocks leads to the other. */
bool naive_both_ways(const struct naive *n, uint32_t a, uint32_t b);

#endif
