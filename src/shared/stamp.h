/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamps: what puts the records of different threads in order.
 *
 * A `free` is stamped before the real free and an allocation after the real
 * malloc; a stamp that is taken later, in the sense that its taker could know of
 * the other thread's event, must be larger.  Two clocks can do that:
 *
 *  - turns: a word in the segment says whose turn it is, and which.  Who finds its own name
 *    there stamps with the word as it is, by a plain load (1 ns); who finds another's makes the
 *    next turn its own, by a locked exchange (5 ns and the way of a cache line).  So the records
 *    of a turn have the same stamp, all are of one thread, and lie in its stream in their order;
 *  - the time-stamp counter: 17 ns (rdtscp) whoever else is active.
 *
 * Why a plain load will do: who knows of an event knows of the turn that it was stamped with,
 * since a word's values are seen in their order.  If that was another's, the word is changed,
 * and the new turn is later.
 *
 * A session begins with turns.  The first thread for which others' events come between a quarter
 * of its own turns all to the clock, for good, by setting STAMP_CLOCK in the word.  Clock stamps
 * carry that bit too, so they are larger than all turns; and whoever took one of those did so
 * before the bit was set.
 *
 * A record of the same turn as the one before it in its stream has no stamp.
 *
 * (Measured on an EPYC with an invariant TSC: rdtsc 9 ns, but it may execute
 * before the loads that precede it, and did: 3 % wrong live totals.)
 */
#ifndef MEMPROF_SHARED_STAMP_H
#define MEMPROF_SHARED_STAMP_H

#include "src/shared/clock.h"
#include "src/shared/segment.h"

#define STAMP_CLOCK (UINT64_C(1) << 62)

/* A turn: its number, and below it whose it is: 1 + a slot, or 0 before the first. */
#define STAMP_OWNER_BITS 17
#define STAMP_OWNER_MASK ((UINT64_C(1) << STAMP_OWNER_BITS) - 1)

/* A thread's turns. */
struct stamp_taker {
    uint64_t last;        /* the stamp of its last committed record, 0 if it had none */
    uint32_t owner;       /* 1 + its slot */
    uint32_t taken;       /* turns' stamps since it last judged how crowded it is */
    uint32_t interleaved; /* of these, those that followed another thread's */
};
#define STAMP_WINDOW 1024u
#define STAMP_CROWDED (STAMP_WINDOW / 4)

/* The stamp that begins the turn of `owner` after `stamp`. */
static inline uint64_t stamp_next_turn(uint64_t stamp, uint32_t owner)
{
    return ((stamp >> STAMP_OWNER_BITS) + 1) << STAMP_OWNER_BITS | owner;
}

/* Another thread's turn is over: is that so often that the clock is better? */
static inline void stamp_judge(const struct segment *s, struct stamp_taker *t)
{
    if (++t->interleaved < STAMP_CROWDED)
        return;
    if (t->taken < STAMP_WINDOW)
        /* seq_cst, as the exchanges: the order of changes to this word is that of the stamps */
        atomic_fetch_or_explicit(&segment_header(s)->stamps, STAMP_CLOCK, memory_order_seq_cst);
    t->interleaved = 0;
    t->taken = 0;
}

static __attribute__((noinline, unused)) uint64_t
stamp_take_turn(const struct segment *s, struct stamp_taker *t, uint64_t stamp, uint32_t clock)
{
    _Atomic uint64_t *stamps = &segment_header(s)->stamps;
    uint64_t turn;

    do {
        if (stamp & STAMP_CLOCK)
            return clock_ticks(clock) | STAMP_CLOCK;
        turn = stamp_next_turn(stamp, t->owner);
        /* seq_cst: the in-flight mark before it is visible to who sees the new turn */
    } while (!atomic_compare_exchange_weak_explicit(stamps, &stamp, turn, memory_order_seq_cst,
                                                    memory_order_relaxed));
    stamp_judge(s, t);
    return turn;
}

/*
 * The stamp of an event: after the real call that made a block, before the one
 * that ends it.  The record must already be marked as in flight (ring_begin).
 */
static inline uint64_t stamp_take(const struct segment *s, struct stamp_taker *t, uint32_t clock)
{
    /*
     * relaxed: what made this thread know of another's event came after that one's look at this
     * word, so that this look does not see an older value (coherence)
     */
    uint64_t stamp = atomic_load_explicit(&segment_header(s)->stamps, memory_order_relaxed);

    t->taken++;
    if (__builtin_expect((stamp & (STAMP_CLOCK | STAMP_OWNER_MASK)) == t->owner, 1))
        return stamp;
    return stamp_take_turn(s, t, stamp, clock);
}

/*
 * A stamp that is not larger than any to be taken.  Of a turn, only the thread whose it is can
 * take the same.
 */
static inline uint64_t stamp_now(const struct segment *s, uint32_t clock)
{
    /* seq_cst: see stamp_take_turn */
    uint64_t turn = atomic_load_explicit(&segment_header(s)->stamps, memory_order_seq_cst);

    return turn < STAMP_CLOCK ? turn : clock_ticks(clock) | STAMP_CLOCK;
}

#endif
