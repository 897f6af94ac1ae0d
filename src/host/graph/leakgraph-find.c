// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakgraph-find.h"

#include <string.h>

uint32_t leakgraph_find(const struct leakgraph *g, uint64_t address)
{
    uint32_t block;
    uint64_t into;

    if (address - g->low >= g->span)
        return LEAKGRAPH_NONE;
    block = leakgraph_before(g, address);
    if (block == LEAKGRAPH_NONE)
        return LEAKGRAPH_NONE;
    into = address - g->blocks[block].address;
    return into == 0 || into < leakgraph_size(g, block) ? block : LEAKGRAPH_NONE;
}

uint32_t leakgraph_before_slot(const struct leakgraph *g, uint64_t number)
{
    uint32_t low = 0, high = g->slot_count; /* the first slot after it */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (g->slots[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return (low < g->slot_count ? g->slots[low].first : g->count) - 1;
}

/* The end of the blocks that begin in one slot with block `first`. */
static uint32_t slot_end(const struct leakgraph *g, uint32_t first)
{
    uint64_t number = g->blocks[first].address >> SLOT_BITS;
    uint32_t i = first;

    while (i < g->count && g->blocks[i].address >> SLOT_BITS == number)
        i++;
    return i;
}

/* At most half the blocks: an entry costs a quarter of what a block does. */
static unsigned entry_bits(uint32_t blocks)
{
    unsigned bits = 31u - (unsigned)__builtin_clz(blocks);

    return bits ? bits - 1 : 0;
}

static void count_slots(struct leakgraph *g)
{
    g->slot_count = 0;
    g->table_size = 0;
    for (uint32_t i = 0; i < g->count;) {
        uint32_t end = slot_end(g, i);

        g->slot_count++;
        g->table_size += 1u << entry_bits(end - i);
        i = end;
    }
}

static void fill_slot(struct leakgraph *g, struct leakgraph_slot *slot, uint32_t end)
{
    uint32_t entries = 1u << (SLOT_BITS - slot->shift), block = slot->first;

    for (uint32_t i = 0; i < entries; i++) {
        uint64_t start = (slot->number << SLOT_BITS) + ((uint64_t)i << slot->shift);

        while (block < end && g->blocks[block].address < start)
            block++;
        g->table[slot->table + i] = block;
    }
}

static void put_in_hash(struct leakgraph *g, uint32_t slot)
{
    uint32_t i = leakgraph_slot_hash(g->slots[slot].number) & g->slot_hash_mask;

    while (g->slot_hash[i] != LEAKGRAPH_NONE)
        i = (i + 1) & g->slot_hash_mask;
    g->slot_hash[i] = slot;
}

static void fill_slots(struct leakgraph *g)
{
    uint32_t slot = 0, table = 0;

    for (uint32_t i = 0; i < g->count; slot++) {
        uint32_t end = slot_end(g, i);
        unsigned bits = entry_bits(end - i);

        g->slots[slot] = (struct leakgraph_slot){
            .number = g->blocks[i].address >> SLOT_BITS,
            .first = i,
            .table = table,
            .shift = SLOT_BITS - bits,
        };
        fill_slot(g, &g->slots[slot], end);
        put_in_hash(g, slot);
        table += 1u << bits;
        i = end;
    }
}

/* A power of two of at least twice the slots. */
static uint64_t hash_size(uint32_t slots)
{
    uint64_t size = 2;

    while (size < (uint64_t)slots * 2)
        size *= 2;
    return size;
}

int leakgraph_index(struct leakgraph *g, struct error *e)
{
    uint64_t hash;

    count_slots(g);
    hash = hash_size(g->slot_count);
    g->slots = leakgraph_array(g, g->slot_count, sizeof *g->slots, e);
    g->table = leakgraph_array(g, g->table_size, sizeof *g->table, e);
    g->slot_hash = leakgraph_array(g, hash, sizeof *g->slot_hash, e);
    if (!g->slots || !g->table || !g->slot_hash)
        return -1;
    g->slot_hash_mask = (uint32_t)(hash - 1);
    memset(g->slot_hash, 0xff, hash * sizeof *g->slot_hash);
    fill_slots(g);
    return 0;
}
