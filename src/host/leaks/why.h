/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a live block is held, or how it was lost, from what a profile keeps of the last
 * search for leaks: the shortest chain of references to it, what it holds, and the cycle
 * that it is part of.
 */
#ifndef MEMPROF_HOST_WHY_H
#define MEMPROF_HOST_WHY_H

#include "src/host/leaks/heapimage.h"

struct why {
    uint32_t block;             /* row in profile.blocks */
    struct leakgraph_path path; /* empty for a block that is definitely lost */
    bool kept;                  /* the chain is there: a part of a graph may lack it */
    uint32_t start;  /* the block at which a chain of lost ones begins, else UINT32_MAX */
    uint32_t *cycle; /* blocks, each of which refers to the next and the last to the
                      * first, of the cycle that it, or `start`, is part of; NULL none */
    uint32_t cycle_count;
    uint32_t cycle_blocks; /* in all of the cycle, which may hold further ones */
    uint64_t retained;     /* bytes that nothing else holds, its own included; 0 unknown */
};

/*
 * Answer for the block of that row.  Where the whole graph was kept and the search found out
 * no retained sizes, they are computed now.  0, or -1 with `e` set (out of memory) and nothing
 * to release.
 */
int why_find(struct why *w, struct heapimage *h, uint32_t block, struct error *e);
void why_release(struct why *w);

/*
 * What a person may have typed for an address: hexadecimal with 0x, or without where it can be
 * nothing else; digits alone are decimal, or else hexadecimal.  How many readings there are,
 * 0 to 2, the likelier one first.
 */
uint32_t why_parse_address(const char *text, uint64_t addresses[2]);

#endif
