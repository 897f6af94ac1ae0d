/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second look before a walk: a program that alternates between a few stacks
 * leaves the cached one at the same frame again and again, by the same frames.
 * An entry holds the frames by which a walk left the cached stack; if the words
 * that they were read from still hold what they held, and what lies further out
 * is the cached stack, the walk would find the same node.  No rule is looked up.
 *
 * Only walks by rsp alone are kept: their frames depend on nothing but the words
 * of the stack.  A thread gets a memo when it has proved busy, and few threads
 * do; it rests while it does not help (programs whose every stack differs).
 */
#ifndef MEMPROF_PRELOAD_MEMO_H
#define MEMPROF_PRELOAD_MEMO_H

#include "preload/stackcache.h"

#define MEMO_FRAMES 12u /* longer ones are not kept */
#define MEMO_ENTRIES 256u

struct memo_entry {
    uint64_t key; /* of the innermost frame, and where it lies */
    const uint64_t *slot;
    uint32_t node;
    uint32_t join;   /* index of the cached frame that the others hang from */
    uint32_t parent; /* that frame's node */
    uint32_t count;  /* checks: one for each frame but the innermost, and that of `join` */
    const uint64_t *join_slot;
    struct stack_check checks[MEMO_FRAMES]; /* innermost first */
    uint64_t reserved[3];
};
_Static_assert(sizeof(struct memo_entry) == 256, "whole cache lines");

struct memo {
    struct memo_entry entries[MEMO_ENTRIES];
};

/* How a thread uses its memo. */
struct memo_user {
    struct memo *memo; /* NULL: none yet, or never */
    uint32_t walks;    /* since the last judgement */
    uint32_t hits;
    uint32_t rest; /* walks to go without looking */
    bool denied;   /* enough other threads have one */
};

static inline struct memo_entry *memo_entry(struct memo *m, uint64_t key, const uint64_t *slot)
{
    uint64_t h = (key ^ (uint64_t)(uintptr_t)slot << 7) * UINT64_C(0x9e3779b97f4a7c15);

    return &m->entries[h >> 32 & (MEMO_ENTRIES - 1)];
}

/* Whether the walk that would begin here is known; its node, else 0. */
uint32_t memo_find(struct memo_user *u, const struct stack_cache *c, uint64_t key,
                   const uint64_t *slot);

/*
 * A walk of `count` frames (innermost first) that joined cached frame `join` and
 * led to `node`.  Every one of them went by rsp, and the joined one's rbp does not
 * matter.
 */
void memo_keep(struct memo_user *u, const struct stack_cache *c, const struct walked_frame *frames,
               uint32_t count, uint32_t join, uint32_t node);

/* A module is gone, or another thread takes over. */
void memo_forget(struct memo_user *u);

/* All threads' memory for them has been given back. */
void memos_forget(void);

#endif
