/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack trie: (parent node, frame) → node id, append-only and lock-free,
 * in the shared segment.  The target adds, the host reads it where it lies.
 *
 * A node is written completely before its id is linked into its bucket
 * (release) or used in a committed record, so that whoever has an id from
 * either sees the node.  A parent's id is always smaller than its child's.
 */
#ifndef MEMPROF_SHARED_STACKTRIE_H
#define MEMPROF_SHARED_STACKTRIE_H

#include "src/shared/segment.h"

/*
 * The node for `frame` under `parent`, added if new.  0 (STACK_ROOT_WHOLE) when
 * the trie is full: the caller counts a lost stack.  Async-signal-safe.
 * Two threads adding the same node at once may both succeed; the loser's node
 * stays unused and is harmless, as are those that it put below it.
 */
uint32_t stacktrie_child(const struct segment *s, uint32_t parent, uint64_t frame);

#define STACKTRIE_PATH_MAX 32u

/*
 * The same for `count` frames, 1 to STACKTRIE_PATH_MAX, each under the one before: their nodes
 * in `nodes`, and the last one's.  Where most of them are new it takes half the time.
 */
uint32_t stacktrie_path(const struct segment *s, uint32_t parent, const uint64_t *frames,
                        uint32_t count, uint32_t *nodes);

/*
 * Host: read node `id` with everything checked.  false if the id is out of
 * range, not written, or its parent does not come before it.
 */
bool stacktrie_read(const struct segment *s, uint32_t id, uint64_t *frame, uint32_t *parent);

#endif
