/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shortcut into the stack trie for several new frames at once: programs come
 * back to the same few frames under the same parent again and again, and one
 * look-up of the whole suffix costs less than one per frame.
 *
 * A direct-mapped cache of (parent, hash of the frames) → last node, shared by
 * all threads.  A hit is believed only after the nodes were compared with the
 * frames one by one; nodes made together lie together, so that costs little.
 */
#ifndef MEMPROF_PRELOAD_SUFFIX_H
#define MEMPROF_PRELOAD_SUFFIX_H

#include "preload/stackcache.h"

/* Once, before any stack is walked.  false: no memory. */
bool suffix_init(void);

/* A hash of a walk's frames, innermost first: start with 0 and add each as it is found. */
static inline uint64_t suffix_hash(uint64_t hash, uint64_t key)
{
    return hash * UINT64_C(0x9e3779b97f4a7c15) + key;
}

/*
 * The node that these frames under `parent` led to last time, or 0.  A guess: the
 * caller compares the path.  `hash` is that of all frames, `count` how many.
 */
uint32_t suffix_guess(uint32_t parent, uint64_t hash, uint32_t count);

/*
 * Whether the path from `node` up to `parent` is exactly the `count` walked frames
 * (innermost first; checks among them do not count).  Their nodes are put into
 * out[].node, outermost first.
 */
bool suffix_follow(uint32_t node, uint32_t parent, const struct walked_frame *frames,
                   uint32_t count, struct cached_frame *out);

/* Find or make the nodes one by one, and remember the last.  0 when the trie is full. */
uint32_t suffix_make(uint32_t parent, const struct walked_frame *frames, uint32_t count,
                     uint64_t hash, struct cached_frame *out);

#endif
