/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread's stream of records as the collector reads it.  A look takes a
 * snapshot of what is committed; records are then taken up to the snapshot's
 * end, chunk by chunk.
 *
 * What lies in the segment is not trusted: words that are no record end the
 * reading of their chunk, and a chain of chunks that makes no sense ends the
 * reading of the stream.
 */
#ifndef MEMPROF_HOST_STREAM_H
#define MEMPROF_HOST_STREAM_H

#include "src/host/model/model.h"
#include "src/shared/ring.h"
#include "src/shared/stamp.h"

struct stream {
    struct ring_cursor cursor;
    struct model_thread thread;
    uint32_t tid;
    bool open;
    bool gone;    /* its thread has ended: nothing is in flight any more */
    bool damaged; /* not read any further */
    bool in_flight;
    uint32_t tail;       /* the newest chunk at the last look */
    uint32_t ahead;      /* how many chunks on from the cursor's it was then */
    uint32_t tail_words; /* committed there */
    uint64_t looked;     /* clock just before the last look */
    uint64_t bound;      /* no record that is not in the snapshot has a smaller stamp */
    uint64_t last_stamp; /* of the last record taken */

    /* In the cursor's chunk: */
    const uint64_t *next, *end; /* not yet taken, of the snapshot */
    uint64_t time;              /* of records here whose stamp tells none: not before this */
    uint64_t stamp;             /* no record here has a smaller one */
};

/* The record at s->next, decoded. */
struct stream_record {
    uint64_t word0;
    uint32_t words;
    uint64_t time;
    uint64_t key; /* stamp << 1, odd unless it takes a block away: the order of records */
};
#define STREAM_KEY_MAX UINT64_MAX

/* Open the stream of slot `i` if the slot is taken; `thread` is zeroed. */
bool stream_open(const struct segment *segment, struct stream *s, uint32_t i);

/*
 * Take a snapshot.  `now` (a time) and `stamp` (stamp_now) were read before the
 * process-wide barrier, which came before this call.  Sets `bound`, and `damaged`
 * if need be.
 */
void stream_look(const struct segment *segment, struct stream *s, uint64_t now, uint64_t stamp);

/* Whether the snapshot holds records not yet taken. */
bool stream_has_more(const struct stream *s);

/*
 * The cursor's chunk is taken up to s->next == s->end: tell the ring, and go on
 * to the next chunk of the snapshot.  false: there is none.  No pointer into
 * the old chunk may be used any more.
 */
bool stream_follow(const struct segment *segment, struct stream *s, uint32_t *recycled);

/* Tell the ring how far the cursor's chunk is taken. */
void stream_settle(const struct segment *segment, struct stream *s);

static inline bool stream_takes_away(uint64_t word0)
{
    uint32_t kind = (uint32_t)(word0 >> RECORD_KIND_SHIFT);

    return kind == RECORD_FREE || kind == RECORD_REALLOC_BEGIN || kind == RECORD_MUNMAP ||
           kind == RECORD_DOMAIN_FREE;
}

/* false: the words at s->next are no record. */
static inline bool stream_decode(const struct stream *s, struct stream_record *r)
{
    uint64_t stamp = s->stamp;

    r->word0 = *(const volatile uint64_t *)s->next; /* read once: the target may change it */
    r->words = record_words(r->word0);
    if (__builtin_expect(r->words == 0 || r->words > (size_t)(s->end - s->next), 0))
        return false;
    r->time = s->time;
    if (r->word0 & (uint64_t)RECORD_STAMPED << RECORD_FLAGS_SHIFT) {
        stamp = s->next[r->words - 1] & (STAMP_CLOCK | (STAMP_CLOCK - 1));
        if (stamp & STAMP_CLOCK)
            r->time = stamp & ~STAMP_CLOCK;
    }
    if (stamp < s->last_stamp)
        stamp = s->last_stamp;
    r->key = stamp << 1 | !stream_takes_away(r->word0);
    return true;
}

#endif
