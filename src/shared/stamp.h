/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamps: what puts the records of different threads in order.
 *
 * A `free` is stamped before the real free and an allocation after the real
 * malloc; a stamp that is taken later, in the sense that its taker could know of
 * the other event, must be larger.  Two clocks can do that:
 *
 *  - a counter in the segment, taken with a locked add: 5 ns while one thread
 *    makes most events (the line stays in its cache), ten times that when several
 *    do at once;
 *  - the time-stamp counter: 17 ns (rdtscp) whoever else is active.
 *
 * A session begins with the counter.  The first thread that finds itself
 * interleaved with others in a quarter of its events turns all to the clock, for
 * good, by setting STAMP_CLOCK in the counter.  Clock stamps carry that bit too,
 * so they are larger than all counter stamps; and whoever took one of those did
 * so before the bit was set.
 *
 * (Measured on an EPYC with an invariant TSC: rdtsc 9 ns, but it may execute
 * before the loads that precede it, and did: 3 % wrong live totals.)
 */
#ifndef MEMPROF_SHARED_STAMP_H
#define MEMPROF_SHARED_STAMP_H

#include "src/shared/clock.h"
#include "src/shared/segment.h"

#define STAMP_CLOCK (UINT64_C(1) << 62)

/* A thread's view of how crowded the counter is. */
struct stamp_taker {
    uint64_t next;        /* the stamp it gets if no other thread takes one */
    uint32_t taken;       /* by this thread */
    uint32_t interleaved; /* of the last STAMP_WINDOW, those that did not follow its own last */
};
#define STAMP_WINDOW 1024u
#define STAMP_CROWDED (STAMP_WINDOW / 4)

static inline void stamp_judge(const struct segment *s, struct stamp_taker *t)
{
    if (t->interleaved > STAMP_CROWDED)
        /* seq_cst, as the adds: the order of changes to this word is the order of the stamps */
        atomic_fetch_or_explicit(&segment_header(s)->stamps, STAMP_CLOCK, memory_order_seq_cst);
    t->interleaved = 0;
}

/*
 * The stamp of an event: after the real call that made a block, before the one
 * that ends it.  The record must already be marked as in flight (ring_begin).
 */
static inline uint64_t stamp_take(const struct segment *s, struct stamp_taker *t, uint32_t clock)
{
    _Atomic uint64_t *stamps = &segment_header(s)->stamps;
    uint64_t stamp;

    /* relaxed: only saves the add; which of the two it is, is settled by the add's result */
    if (__builtin_expect(atomic_load_explicit(stamps, memory_order_relaxed) < STAMP_CLOCK, 1)) {
        /* seq_cst: the in-flight mark before it is visible to who sees the new count */
        stamp = atomic_fetch_add_explicit(stamps, 1, memory_order_seq_cst);
        if (__builtin_expect(stamp < STAMP_CLOCK, 1)) {
            t->interleaved += stamp != t->next;
            t->next = stamp + 1;
            if (__builtin_expect(++t->taken % STAMP_WINDOW == 0, 0))
                stamp_judge(s, t);
            return stamp;
        }
    }
    return clock_ticks(clock) | STAMP_CLOCK;
}

/* A stamp that is larger than all that were taken, and not larger than any to be taken. */
static inline uint64_t stamp_now(const struct segment *s, uint32_t clock)
{
    /* seq_cst: see stamp_take */
    uint64_t next = atomic_load_explicit(&segment_header(s)->stamps, memory_order_seq_cst);

    return next < STAMP_CLOCK ? next : clock_ticks(clock) | STAMP_CLOCK;
}

#endif
