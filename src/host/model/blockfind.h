/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live block that holds an address: of several, a pool's block within the
 * heap's within a mapping, the smallest.
 */
#ifndef MEMPROF_HOST_BLOCKFIND_H
#define MEMPROF_HOST_BLOCKFIND_H

#include "src/host/model/model.h"

struct found_block {
    uint64_t start, size; /* of a mapping: of the piece that holds the address */
    uint32_t site;        /* as the model counts them, from 1 */
    uint32_t domain;
};

/*
 * false: no live block holds the address.  Where it is not a block's start, all
 * blocks are looked at, a nanosecond or two each.
 */
bool block_find(const struct model *m, uint64_t address, struct found_block *found);

/* The same among the blocks of the heap alone, ignored ones too. */
bool block_find_in_heap(const struct model *m, uint64_t address, struct found_block *found);

#endif
