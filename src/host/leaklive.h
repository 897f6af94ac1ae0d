/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live blocks of the heap at one moment, in two steps: taken from the model as it is,
 * which costs the collector a copy of 16 bytes a block, and sorted by address later, in
 * any thread.  Blocks that a realloc has just taken out of the model are among them;
 * those that the program said to ignore are not.
 */
#ifndef MEMPROF_HOST_LEAKLIVE_H
#define MEMPROF_HOST_LEAKLIVE_H

#include "src/host/collector.h"
#include "src/host/error.h"
#include "src/host/leakgraph.h"

struct leaklive {
    struct livetable_entry *rows; /* pages.h */
    uint64_t count, room;
    struct livetable_big *big;
    uint32_t big_count;
    uint32_t *sites;  /* after leaklive_sort: by number in the graph; from 0, as in a profile */
    uint16_t *births; /* the same */
};

/* 0, or -1 with `e` set: out of memory, or too many. */
int leaklive_take(struct leaklive *l, const struct collector *c, struct error *e);
void leaklive_release(struct leaklive *l);

/*
 * Sort by address, add all to an empty graph, and keep site and birth by the number that a
 * block has there after leakgraph_seal.  Of two at one address the one taken first stays.
 * 0, or -1 with `e` set: then it may be tried again with an empty graph.
 */
int leaklive_sort(struct leaklive *l, struct leakgraph *g, struct error *e);

/* Bytes held. */
uint64_t leaklive_memory(const struct leaklive *l);

#endif
