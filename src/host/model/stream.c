/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/stream.h"

#include <string.h>

/* Set next, end, time and stamp for the cursor's chunk. */
static void enter_chunk(const struct segment *segment, struct stream *s, uint64_t not_before)
{
    struct ring_span span = ring_peek(segment, &s->cursor);
    uint32_t count = span.count;

    s->next = s->end = NULL;
    if (span.damaged) {
        s->damaged = true;
        return;
    }
    if (s->cursor.chunk == s->tail) {
        /* What was committed after the look belongs to the next snapshot. */
        if (s->tail_words < s->cursor.word)
            s->damaged = true;
        else if (count > s->tail_words - s->cursor.word)
            count = s->tail_words - s->cursor.word;
        if (s->damaged)
            return;
    }
    s->next = span.words;
    s->end = span.words + count;
    s->time = span.opened > not_before ? span.opened : not_before;
    s->stamp = span.opened_stamp;
}

bool stream_open(const struct segment *segment, struct stream *s, uint32_t i)
{
    struct ring_cursor cursor;

    if (!ring_open(segment, i, &cursor))
        return false;
    memset(s, 0, sizeof(*s));
    s->cursor = cursor;
    s->open = true;
    s->thread.slot = i;
    s->tail = cursor.chunk;
    s->tid = atomic_load_explicit(&segment_slot(segment, i)->tid, memory_order_relaxed);
    return true;
}

/* Follow the successors to the chunk that the thread writes to. */
static void find_tail(const struct segment *segment, struct stream *s)
{
    for (uint32_t steps = 0; steps <= segment->layout.chunks_max; steps++) {
        uint32_t next;

        if (s->tail >= segment->layout.chunks_max)
            break;
        /* acquire: the successor's header is written before the link */
        next =
            atomic_load_explicit(&segment_chunk(segment, s->tail)->successor, memory_order_acquire);
        if (next == CHUNK_NONE)
            return;
        s->tail = next;
        s->ahead++;
    }
    s->damaged = true; /* out of range, or a ring of chunks */
}

void stream_look(const struct segment *segment, struct stream *s, uint64_t now, uint64_t stamp)
{
    const struct chunk *tail;
    uint64_t progress, before = s->looked;

    s->looked = now;
    find_tail(segment, s);
    if (s->damaged)
        return;
    tail = segment_chunk(segment, s->tail);
    /* acquire: pairs with ring_commit */
    progress = atomic_load_explicit(&tail->progress, memory_order_acquire);
    if (progress >> 1 > CHUNK_WORDS) {
        s->damaged = true;
        return;
    }
    s->tail_words = (uint32_t)(progress >> 1);
    s->in_flight = (progress & 1) && !s->gone;
    if (!s->in_flight) {
        s->bound = stamp;
    } else {
        /* The record in flight comes after the chunk's opening and all that was taken. */
        uint64_t opened = tail->opened_stamp < stamp ? tail->opened_stamp : stamp;

        if (opened > s->bound)
            s->bound = opened;
        if (s->last_stamp > s->bound)
            s->bound = s->last_stamp;
    }
    if (stream_has_more(s))
        enter_chunk(segment, s, before);
}

bool stream_has_more(const struct stream *s)
{
    return !s->damaged && (s->cursor.chunk != s->tail || s->cursor.word < s->tail_words);
}

/* Words of the cursor's chunk taken since the ring was last told. */
static uint32_t taken(const struct segment *segment, const struct stream *s)
{
    const uint64_t *start = segment_chunk(segment, s->cursor.chunk)->words + s->cursor.word;

    return s->next ? (uint32_t)(s->next - start) : 0;
}

void stream_settle(const struct segment *segment, struct stream *s)
{
    if (s->damaged)
        return;
    s->cursor.word += taken(segment, s);
    s->next = s->end = NULL;
}

bool stream_follow(const struct segment *segment, struct stream *s, uint32_t *recycled)
{
    bool damaged = false;

    stream_settle(segment, s);
    if (s->damaged || s->cursor.chunk == s->tail)
        return false;
    /*
     * A chunk with a successor was read to its end and cannot be left, or its link was
     * changed since the look: the way no longer leads to the tail, and might never end.
     */
    if (s->ahead == 0 || !ring_consume(segment, &s->cursor, 0, &damaged)) {
        s->damaged = true;
        return false;
    }
    s->ahead--;
    ++*recycled;
    enter_chunk(segment, s, 0);
    return stream_has_more(s);
}
