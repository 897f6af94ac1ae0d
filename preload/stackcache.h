/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call stack a thread was seen with last, kept so that the next one need
 * not be unwound again where it is the same.
 *
 * Frames are stored outermost first.  Beside them lies a list of checks, also
 * outermost first: every word of the stack (and of signal frames) that
 * unwinding these frames read, with the value it had.  Unwinding is a function
 * of the innermost frame's program counter, stack pointer and, where it matters,
 * rbp, and of those words; so once a new walk arrives at a cached frame with the
 * same three, and all words that belong to the frames further out still hold
 * what they held, the rest of the walk would come out the same.
 */
#ifndef MEMPROF_PRELOAD_STACKCACHE_H
#define MEMPROF_PRELOAD_STACKCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cached_frame {
    const uint64_t *slot; /* where its return address lies */
    uint64_t key;         /* the return address; 0: not to be joined, its stack pointer does not
                             follow from `slot` (behind a signal frame) */
    uint64_t rbp;         /* rbp in this frame */
    uint32_t node;        /* the trie node of the stack up to here */
    uint32_t checks;      /* FRAME_CHECKS_BELOW and flags */
};
#define FRAME_CHECKS_BELOW 0x3fffffffu /* how many checks belong to the frames further out */
#define FRAME_RBP_CHECKED 0x40000000u  /* two of its own: its return address and its saved rbp */
#define FRAME_RBP_MATTERS 0x80000000u  /* walking outwards from here uses that rbp */

struct stack_check {
    const uint64_t *at;
    uint64_t value;
};

struct stack_cache {
    /* frames[-1] is a sentinel, further out than any; frames[count], further in */
    struct cached_frame *frames;
    struct stack_check *checks;
    uint32_t count, capacity; /* frames */
    uint32_t checks_room;
    uint32_t loader_events; /* modules.h: as of when the frames were walked */
    /* Room for a walk that has more new frames than fit on the C stack. */
    struct walked_frame *overflow;
    uint32_t overflow_room;
    bool fixed; /* frames and checks lie in the mapping of the thread itself */
};

static inline void stack_cache_forget(struct stack_cache *c)
{
    c->count = 0;
    c->frames[0].slot = NULL; /* the inner sentinel */
}

/*
 * Whether the first `count` checks hold.  Innermost first, and no further than
 * the first that does not: only the words before it say that the next address
 * is still part of this stack.
 */
static inline bool stack_checks_hold(const struct stack_check *c, uint32_t count)
{
    for (const struct stack_check *i = c + count; i > c; i--)
        if (__builtin_expect(*i[-1].at != i[-1].value, 0))
            return false;
    return true;
}

/* A frame as a walk finds it, innermost first. */
struct walked_frame {
    const uint64_t *slot;
    uint64_t key;
    uint64_t rule; /* how to go on from here; WALKED_CHECK: only a word that was read, in `key` */
    uint64_t rbp;
};
#define WALKED_CHECK (~UINT64_C(0))

#endif
