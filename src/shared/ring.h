/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring: chunks of one page that travel from the free list to a thread of
 * the target, which fills them with records, to the host, which drains them
 * and puts them back.  Both sides live in ring.c so that the barriers are
 * reviewed together.
 *
 * Producer side: async-signal-safe, no allocation, no system call except a
 * futex wake when the host sleeps and a futex wait when no chunk is free.
 * Consumer side: one thread.  The consumer does not trust the segment: an
 * index out of range or a count that shrinks makes ring_peek return damage.
 */
#ifndef MEMPROF_SHARED_RING_H
#define MEMPROF_SHARED_RING_H

#include "src/shared/segment.h"

/* ----------------------------------------------------------- producer -- */

/* A thread's end of the ring; private to the thread. */
struct ring_writer {
    struct chunk *chunk;
    uint64_t *next; /* where the next record goes */
    uint64_t *end;  /* of the chunk's words */
    uint32_t slot;
};

enum ring_result {
    RING_OK = 0,
    RING_DROPPED, /* lossy and nothing free */
    RING_NO_HOST, /* the host is dead: stop recording */
    RING_FULL,    /* no slot left */
};

/* Take a slot and a first chunk for the calling thread. */
enum ring_result ring_join(const struct segment *s, struct ring_writer *w, uint32_t tid);

/* Hand the chunk over and take another, waiting for the host if need be.  errno is kept. */
enum ring_result ring_turn(const struct segment *s, struct ring_writer *w);

/* The writer was interrupted at any point for good: go on from what is committed. */
void ring_recover(const struct segment *s, struct ring_writer *w);

/* Make sure that a record of `words` fits at w->next. */
static inline enum ring_result ring_room(const struct segment *s, struct ring_writer *w,
                                         uint32_t words)
{
    if (__builtin_expect((size_t)(w->end - w->next) >= words, 1))
        return RING_OK;
    return ring_turn(s, w);
}

/*
 * Mark a record as in flight.  Must come before its stamp is taken.  The host reads
 * whose turn it is, or its own clock (stamp.h), then issues a process-wide memory
 * barrier, then looks at this mark, and so knows that a thread without it will
 * only make records with larger stamps, or with that of its own turn.
 */
static inline void ring_begin(struct ring_writer *w)
{
    uint64_t words = (uint64_t)(w->next - w->chunk->words);

    /* relaxed: ordered by the host's barrier, see above */
    atomic_store_explicit(&w->chunk->progress, words << 1 | 1, memory_order_relaxed);
    __asm__ volatile("" ::: "memory");
}

/* Publish everything up to `next`, which becomes w->next. */
static inline void ring_commit(struct ring_writer *w, uint64_t *next)
{
    w->next = next;
    /* release: the words written before are visible to whoever reads this count */
    atomic_store_explicit(&w->chunk->progress, (uint64_t)(next - w->chunk->words) << 1,
                          memory_order_release);
}

/*
 * Wait for the host's answer to question `sequence` of `slot`, which is the
 * caller's own and was committed as a RECORD_QUERY; the host is roused.  RING_OK
 * with `answer` set; RING_NO_HOST; RING_DROPPED when a later question, of a signal
 * handler, was answered in its place, or nothing came in ten seconds.  errno is
 * kept.
 */
enum ring_result ring_ask(const struct segment *s, uint32_t slot, uint32_t sequence,
                          uint64_t answer[2]);

/* Whether the host's robust futex says that it died. */
bool ring_host_dead(const struct segment *s);

/* ----------------------------------------------------------- consumer -- */

/* The host's place in one thread's stream. */
struct ring_cursor {
    uint32_t slot;
    uint32_t life; /* of the slot when the cursor was opened */
    uint32_t chunk;
    uint32_t word;
};

struct ring_span {
    const uint64_t *words; /* committed and unread */
    uint32_t count;
    bool in_flight;  /* a record after these may already have its time */
    bool damaged;    /* the segment makes no sense here; read no further in this stream */
    uint64_t opened; /* clock at which the thread took this chunk */
    uint64_t opened_stamp;
};

/* Put `count` never-used chunks, from index `first` on, into the free list. */
void ring_grow(const struct segment *s, uint32_t first, uint32_t count);

/* Whether slot `i` is taken; then a cursor at the start of its stream. */
bool ring_open(const struct segment *s, uint32_t i, struct ring_cursor *c);

/* What can be read now.  Never blocks. */
struct ring_span ring_peek(const struct segment *s, const struct ring_cursor *c);

/*
 * Move on by `words`.  When the chunk is read to its end and its owner has gone
 * on to the next, the chunk is recycled and the cursor follows; returns true
 * then (there may be more to peek at).  Call it also with 0 words to follow.
 * `damaged` is set if the successor is not a chunk; the caller drops the stream.
 */
bool ring_consume(const struct segment *s, struct ring_cursor *c, uint32_t words, bool *damaged);

/* The thread is gone and its stream read to the end: give chunk and slot back. */
void ring_close(const struct segment *s, struct ring_cursor *c);

/*
 * Sleep until `chunks` more chunks have been handed over, a producer waits for
 * space, someone calls ring_rouse, or `timeout_ns` has passed.
 */
void ring_host_sleep(const struct segment *s, uint32_t chunks, uint64_t timeout_ns);
void ring_rouse(const struct segment *s);

/*
 * The host leaves a process that may run on: it is told as if the host had died, and whoever
 * waits for it is woken.
 */
void ring_host_gone(const struct segment *s);

#endif
