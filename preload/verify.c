/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/verify.h"

#include "preload/own.h"
#include "preload/session.h"
#include "preload/walk.h"

/* Stacks deeper than this are compared in their innermost frames. */
#define VERIFY_FRAMES 65536u

static void count(_Atomic uint64_t *counter)
{
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void mismatch(uint64_t ours, uint64_t theirs)
{
    struct segment_header *h = segment_header(&session.segment);

    count(&h->verify_mismatch);
    atomic_store_explicit(&h->verify_frames[0], ours, memory_order_relaxed);
    atomic_store_explicit(&h->verify_frames[1], theirs, memory_order_relaxed);
}

/*
 * libunwind goes on by guesses where there is no unwind information, and gives
 * up where it cannot read a register: a stack that ends early on one side only
 * counts as different only if ours claims to be whole.
 */
static void compare(const struct walk *theirs, uint32_t node)
{
    struct segment_header *h = segment_header(&session.segment);
    uint32_t i = 0;

    for (; node >= STACK_ROOTS && i < theirs->count; i++) {
        const struct trie_node *n = segment_node(&session.segment, node);

        if (frame_pc(n->frame) != frame_pc(theirs->frames[i])) {
            mismatch(frame_pc(n->frame), frame_pc(theirs->frames[i]));
            return;
        }
        node = n->parent;
    }
    if (node == STACK_ROOT_WHOLE && i < theirs->count)
        mismatch(0, frame_pc(theirs->frames[i]));
    else if (node >= STACK_ROOTS || i < theirs->count)
        count(&h->verify_skipped);
}

void verify_stack(struct thread *t, const uint64_t *frame, uint32_t node)
{
    struct walk theirs = {.room = VERIFY_FRAMES};
    uint32_t busy = local.busy;

    if (++t->verify_countdown < session.verify_every)
        return;
    t->verify_countdown = 0;
    theirs.frames = own_map(VERIFY_FRAMES * sizeof(uint64_t));
    if (!theirs.frames)
        return;
    local.busy = BUSY_CALLING; /* what libunwind itself allocates is no event */
    if (walk_by_libunwind(&theirs, &frame[1])) {
        count(&segment_header(&session.segment)->verified);
        compare(&theirs, node);
    }
    local.busy = busy;
    own_unmap(theirs.frames, VERIFY_FRAMES * sizeof(uint64_t));
}
