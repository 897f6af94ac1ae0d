/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/entry.h"

#include "preload/walk.h"
#include "src/shared/rawcall.h"
#include "src/shared/sysmem.h"

#include <signal.h>

/*
 * Only a signal handler should call us while we record.  A build for debugging takes
 * it for a call by our own code, and stops: not for programs whose handlers allocate.
 */
static void note_nested(void)
{
#if defined(MEMPROF_DEBUG_ALLOC_CHECK)
    __builtin_trap();
#endif
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&segment_header(&session.segment)->nested_unrecorded, 1,
                              memory_order_relaxed);
}

static bool on_signal_stack(void)
{
    stack_t s = {0};

    return rawcall(SYS_sigaltstack, NULL, &s, 0) != 0 || (s.ss_flags & SS_ONSTACK);
}

/*
 * Whether the entry point that is busy was left by a jump out of a signal handler.
 * On the same stack its frame must lie further out than ours, and still return
 * to where it did.
 */
static bool guard_is_stale(const uint64_t *frame)
{
    uint64_t at = (uint64_t)(uintptr_t)local.guard, here = (uint64_t)(uintptr_t)frame;
    bool known;

    if (!at || here >= stack_limit(at, &known) || !known || at >= stack_limit(here, &known) ||
        !known || (here < at && local.guard[1] == local.guard_return))
        return false;
    return !on_signal_stack();
}

/* The gate was closed, the call is nested, or the thread is new. */
struct thread *entry_begin_slowly(const uint64_t *frame)
{
    struct thread *t;

    if (!session_open()) {
        session_enter();
        if (!session_open())
            return NULL;
    }
    if (local.busy != BUSY_NO && local.thread && guard_is_stale(frame)) {
        local.busy = BUSY_RECORDING;
        thread_recover(local.thread);
        local.busy = BUSY_NO;
    }
    if (local.busy != BUSY_NO) {
        if (local.busy == BUSY_RECORDING)
            note_nested();
        return NULL;
    }
    local.busy = BUSY_RECORDING;
    local.guard = frame;
    local.guard_return = frame[1];
    t = thread_self();
    local.busy = t ? BUSY_CALLING : BUSY_NO;
    if (!t)
        /* relaxed: a statistic */
        atomic_fetch_add_explicit(&segment_header(&session.segment)->slotless_unrecorded, 1,
                                  memory_order_relaxed);
    return t;
}

/*
 * The trie is the one thing in the segment that grows with the program.  Letting
 * go of its pages keeps them out of the target's resident memory; those that are
 * needed again come back in groups, by a fault each.
 */
#define TRIE_RESIDENT_NODES (128u << 10) /* 2 MiB */
#define TURNS_BETWEEN_TRIMS 2048u        /* chunks handed over by all threads: some 300,000 pairs */

static void trie_trim(void)
{
    static _Atomic uint32_t turns;
    uint32_t used =
        atomic_load_explicit(&segment_header(&session.segment)->nodes_used, memory_order_relaxed);

    /* relaxed: only a count */
    if (used > TRIE_RESIDENT_NODES &&
        atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed) % TURNS_BETWEEN_TRIMS == 0)
        sysmem_drop(segment_node(&session.segment, 0), (size_t)used * sizeof(struct trie_node));
}

/* The chunk is full: take another.  false if this event cannot be recorded. */
bool emit_turn(struct thread *t)
{
    switch (ring_turn(&session.segment, &t->writer)) {
    case RING_OK:
        trie_trim();
        return true;
    case RING_NO_HOST:
        session_close();
        return false;
    default:
        /* relaxed: a statistic; this thread is the only writer */
        atomic_fetch_add_explicit(&segment_slot(&session.segment, t->writer.slot)->unrecorded, 1,
                                  memory_order_relaxed);
        return false;
    }
}
