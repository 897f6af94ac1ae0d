/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live blocks of the heap at one moment, in three steps: taken from the model, which
 * puts them in order of the slots of addresses that they lie in; sorted within a slot,
 * by any threads, each its slots; and given to a graph, in place.  Blocks that a realloc has
 * just taken out of the model are among them; those that the program said to ignore are not.
 *
 * Sorting slot by slot is done in the cache: it takes a third of the time that passes over
 * all blocks take.  16 bytes a block, which are the graph's then.
 */
#ifndef MEMPROF_HOST_LEAKLIVE_H
#define MEMPROF_HOST_LEAKLIVE_H

#include "src/host/error.h"
#include "src/host/graph/leakgraph.h"
#include "src/host/memory/copyroom.h"
#include "src/host/model/collector.h"

#define LEAKLIVE_SLOT_BITS 20u

struct leaklive_slot {
    uint64_t number;       /* of all its blocks: address >> LEAKLIVE_SLOT_BITS */
    uint64_t start, end;   /* what its blocks span; `end` may lie in a later slot */
    uint64_t reach;        /* the largest end of all slots before it */
    uint32_t first, count; /* in rows */
    bool sorted;
};

struct leaklive {
    struct livetable_entry *rows; /* pages.h; NULL once the graph has them */
    uint64_t count, room;
    struct leaklive_slot *slots; /* ascending */
    uint32_t slot_count;
    struct livetable_big *big;
    uint32_t big_count;
};

/* 0, or -1 with `e` set: out of memory, or too many.  `room`, or NULL, has memory for them. */
int leaklive_take(struct leaklive *l, const struct collector *c, struct copyroom *room,
                  struct error *e);
void leaklive_release(struct leaklive *l);

/*
 * Sort the blocks of a slot by address; those at one address stay in the order in which they
 * were taken.  `scratch` is room for as many.  Threads may sort different slots at once.
 */
void leaklive_sort_slot(struct leaklive *l, uint32_t slot, struct livetable_entry *scratch);

/* The most blocks that one slot has. */
uint32_t leaklive_largest_slot(const struct leaklive *l);

/* The first slot with a number of at least this; slot_count: there is none. */
uint32_t leaklive_slot_at(const struct leaklive *l, uint64_t number);

uint64_t leaklive_size(const struct leaklive *l, const struct livetable_entry *row);

/*
 * Sort what is not sorted yet and give all blocks to an empty graph.  Of two at one address
 * the one taken first stays.  0, or -1 with `e` set: then it may be tried again with an empty
 * graph.
 */
int leaklive_sort(struct leaklive *l, struct leakgraph *g, struct error *e);

/* The site of one of its blocks, from 0, as in a profile; and when it was allocated. */
static inline uint32_t leaklive_site(const struct leakgraph *g, uint32_t block)
{
    return g->blocks[block].tag - 1;
}

static inline uint16_t leaklive_birth(const struct leakgraph *g, uint32_t block)
{
    return (uint16_t)g->blocks[block].mark;
}

/* Bytes held. */
uint64_t leaklive_memory(const struct leaklive *l);

#endif
