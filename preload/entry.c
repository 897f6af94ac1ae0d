/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/entry.h"

/* The gate was closed, the call is nested, or the thread is new. */
struct thread *entry_begin_slowly(void)
{
    struct thread *t;

    if (!session_open()) {
        session_enter();
        if (!session_open())
            return NULL;
    }
    if (local.busy != BUSY_NO) {
        if (local.busy == BUSY_RECORDING)
            /* relaxed: a statistic */
            atomic_fetch_add_explicit(&segment_header(&session.segment)->nested_unrecorded, 1,
                                      memory_order_relaxed);
        return NULL;
    }
    local.busy = BUSY_RECORDING;
    t = thread_self();
    local.busy = t ? BUSY_CALLING : BUSY_NO;
    if (!t)
        /* relaxed: a statistic */
        atomic_fetch_add_explicit(&segment_header(&session.segment)->slotless_unrecorded, 1,
                                  memory_order_relaxed);
    return t;
}

void emit_failed(struct thread *t, enum ring_result why)
{
    if (why == RING_NO_HOST)
        session_close();
    else
        /* relaxed: a statistic; this thread is the only writer */
        atomic_fetch_add_explicit(&segment_slot(&session.segment, t->writer.slot)->unrecorded, 1,
                                  memory_order_relaxed);
}
