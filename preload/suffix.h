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

/*
 * The trie node of `count` (≥ 1) frames, outermost first, under `parent`; nodes
 * of the frames on the way are put into out[i].node.  0 when the trie is full.
 */
uint32_t suffix_nodes(uint32_t parent, const uint64_t *frames, uint32_t count,
                      struct cached_frame *out);

#endif
