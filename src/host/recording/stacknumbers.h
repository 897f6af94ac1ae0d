/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for the stacks of a profile in the making: a node of the target's
 * trie gets its number in the profile when a site first uses it, its parents
 * before it, and so does each distinct frame.  A number never changes.
 *
 * Not thread-safe; the segment must be mapped while stack_numbers_node is called.
 */
#ifndef MEMPROF_HOST_STACKNUMBERS_H
#define MEMPROF_HOST_STACKNUMBERS_H

#include "src/host/profile/profile.h"
#include "src/host/symbols/modmap.h"
#include "src/shared/segment.h"

struct stack_numbers {
    const struct segment *segment;
    struct modmap *modmap;
    uint32_t *nodes; /* by trie node: its number; 0 none yet */
    uint8_t *roots;  /* by number: which root the stack ends at */
    uint32_t node_count;
    uint64_t *frames; /* by number: the tagged value */
    uint32_t frame_count;
    uint32_t *index; /* hash table of frame numbers + 1, 0 empty */
    uint32_t index_size;
    uint32_t *path; /* scratch */
    uint32_t path_room;
    uint64_t damaged; /* nodes that made no sense, and were taken for the end of a cut stack */
    bool failed;      /* out of memory: numbers given from then on mean nothing */
};

/* `failed` is set when there is no memory.  Release in any case. */
void stack_numbers_init(struct stack_numbers *n, const struct segment *segment,
                        struct modmap *modmap);
void stack_numbers_release(struct stack_numbers *n);

/* Append the STACK_ROOTS roots to `part`: the first thing to be done. */
void stack_numbers_roots(struct stack_numbers *n, struct profile *part);

/*
 * The number of trie node `id`.  Nodes and frames that are new are appended to
 * part's arrays, frames with the module that the map knows now.
 */
uint32_t stack_numbers_node(struct stack_numbers *n, struct profile *part, uint32_t id);

#endif
