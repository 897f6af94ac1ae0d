/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/entry.h"

#include "preload/walk.h"
#include "src/shared/rawcall.h"
#include "src/shared/sysmem.h"

#include <signal.h>

void entry_note_nested(void)
{
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&segment_header(&session.segment)->nested_unrecorded, 1,
                              memory_order_relaxed);
}

/*
 * Only a signal handler should call us while we record.  A build for debugging takes
 * it for a call by our own code, and stops: not for programs whose handlers allocate.
 */
static void note_nested(void)
{
#if defined(MEMPROF_DEBUG_ALLOC_CHECK)
    __builtin_trap();
#endif
    entry_note_nested();
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

/* The host must know before the first free of a block that was not recorded. */
static void tell_stop(struct thread *t)
{
    if (session.stop_untold && emit(t, RECORD_TRACING, 0, 0, false, 0, 0, NULL, 0))
        session.stop_untold = 0;
}

/* NULL if nothing can be recorded; then local.busy says whether that is because it is nested. */
static struct thread *begin(const uint64_t *frame)
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
    if (local.busy != BUSY_NO)
        return NULL;
    local.busy = BUSY_RECORDING;
    local.guard = frame;
    local.guard_return = frame[1];
    t = thread_self();
    if (t)
        tell_stop(t);
    local.busy = t ? BUSY_CALLING : BUSY_NO;
    if (!t)
        /* relaxed: a statistic */
        atomic_fetch_add_explicit(&segment_header(&session.segment)->slotless_unrecorded, 1,
                                  memory_order_relaxed);
    return t;
}

/* The gate was closed, the call is nested, or the thread is new. */
struct thread *entry_begin_slowly(const uint64_t *frame)
{
    struct thread *t = begin(frame);

    if (!t && local.busy == BUSY_RECORDING && session_open())
        note_nested();
    return t;
}

struct thread *entry_begin_new_slowly(const uint64_t *frame)
{
    if (!session_open())
        session_enter();
    if (session_tracing())
        return entry_begin_slowly(frame);
    if (session.stop_untold && session_open() && begin(frame))
        entry_end(); /* begin() has told it */
    return NULL;
}

struct thread *entry_begin_request(const uint64_t *frame, uint32_t *was)
{
    struct thread *t = local.thread;

    *was = BUSY_NO;
    if (local.busy == BUSY_CALLING && t && session_open())
        *was = BUSY_CALLING; /* the guard stays that of the entry point outside */
    else
        t = begin(frame);
    if (t)
        local.busy = BUSY_RECORDING;
    return t;
}

void emit_ignored(struct thread *t, const void *block)
{
    if (block)
        emit(t, RECORD_IGNORE, 0, (uint64_t)(uintptr_t)block, false, 0, 0, NULL, 0);
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
