/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside leakgraph-*.c only: from an address to the block it lies in.
 *
 * Addresses are cut into slots of 1 MiB; a slot in which blocks begin has a
 * table of half as many entries as it has blocks (rounded down to a power of
 * two), each for an equal part of the slot: the first block at or after the part's
 * beginning.  A search is one look at a small hash table, one at the table, and
 * one or two at neighbouring blocks.
 */
#ifndef MEMPROF_HOST_LEAKGRAPH_FIND_H
#define MEMPROF_HOST_LEAKGRAPH_FIND_H

#include "src/host/graph/leakgraph.h"

#define SLOT_BITS 20u
#define SLOT_MASK ((UINT64_C(1) << SLOT_BITS) - 1)

struct leakgraph_slot {
    uint64_t number; /* address >> SLOT_BITS */
    uint32_t first;  /* block */
    uint32_t table;  /* where its entries begin */
    uint32_t shift;  /* of an address in the slot, to an entry */
};

struct leakgraph_big {
    uint64_t address, size;
};

/* Build the index over sorted blocks with a sentinel after the last.  0 or -1. */
int leakgraph_index(struct leakgraph *g, struct error *e);

/* The rest of leakgraph_before, for a slot in which no block begins. */
uint32_t leakgraph_before_slot(const struct leakgraph *g, uint64_t number);

/* The arrays of a graph, counted.  Zeroed; NULL with `e` set. */
void *leakgraph_array(struct leakgraph *g, uint64_t count, size_t size, struct error *e);
void leakgraph_array_free(struct leakgraph *g, void *array, uint64_t count, size_t size);

/* Where in `big` a block lies, or its number would; and its size. */
uint32_t leakgraph_big_place(const struct leakgraph *g, uint64_t address);
uint64_t leakgraph_big_size(const struct leakgraph *g, uint64_t address);

static inline uint64_t leakgraph_block_size(const struct leakgraph *g,
                                            const struct leakgraph_block *b)
{
    return __builtin_expect(b->size != UINT32_MAX, 1) ? b->size : leakgraph_big_size(g, b->address);
}

static inline uint32_t leakgraph_slot_hash(uint64_t number)
{
    return (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/* The slot of an address, NULL when no block begins in it. */
static inline const struct leakgraph_slot *leakgraph_slot_of(const struct leakgraph *g,
                                                             uint64_t address)
{
    uint64_t number = address >> SLOT_BITS;
    uint32_t i = leakgraph_slot_hash(number) & g->slot_hash_mask;

    for (; g->slot_hash[i] != LEAKGRAPH_NONE; i = (i + 1) & g->slot_hash_mask)
        if (g->slots[g->slot_hash[i]].number == number)
            return &g->slots[g->slot_hash[i]];
    return NULL;
}

static inline const uint32_t *
leakgraph_slot_entry(const struct leakgraph *g, const struct leakgraph_slot *slot, uint64_t address)
{
    return &g->table[slot->table + ((address & SLOT_MASK) >> slot->shift)];
}

/* The last block that begins at or before an address within the heap's range. */
static inline uint32_t leakgraph_before(const struct leakgraph *g, uint64_t address)
{
    const struct leakgraph_slot *slot = leakgraph_slot_of(g, address);
    uint32_t i;

    if (!slot)
        return leakgraph_before_slot(g, address >> SLOT_BITS);
    i = *leakgraph_slot_entry(g, slot, address);
    while (g->blocks[i].address <= address)
        i++;
    return i - 1; /* LEAKGRAPH_NONE for 0 */
}

#endif
