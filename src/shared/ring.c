/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/ring.h"

#include "src/shared/rawcall.h"
#include "src/shared/stamp.h"

#include <limits.h>
#include <linux/futex.h>
#include <time.h>

/* How long a producer waits for space before it looks whether the host still lives. */
#define PRODUCER_WAIT_NS 20000000

/* How long for an answer: the first wait, and all of them. */
#define ANSWER_FIRST_NS 500000u
#define ANSWER_ALL_NS UINT64_C(10000000000)

static void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    struct timespec t = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                         .tv_nsec = (long)(timeout_ns % 1000000000u)};

    rawcall6(SYS_futex, (long)word, FUTEX_WAIT, (long)value, (long)&t, 0, 0);
}

static void futex_wake(_Atomic uint32_t *word, int waiters)
{
    rawcall6(SYS_futex, (long)word, FUTEX_WAKE, waiters, 0, 0, 0);
}

/* ------------------------------------------------- tagged free lists -- */

/*
 * Stacks of indices: the head is tag << 32 | index.  The tag grows with every
 * change, so that a pop whose item was taken and put back meanwhile fails
 * (the ABA problem).  Links live in the items, which are never unmapped.
 */
typedef _Atomic uint32_t *(*link_of)(const struct segment *s, uint32_t i);

static _Atomic uint32_t *chunk_link(const struct segment *s, uint32_t i)
{
    return &segment_chunk(s, i)->next_free;
}

static _Atomic uint32_t *slot_link(const struct segment *s, uint32_t i)
{
    return &segment_slot(s, i)->next_free;
}

static void list_push(const struct segment *s, _Atomic uint64_t *list, link_of link, uint32_t i)
{
    uint64_t head = atomic_load_explicit(list, memory_order_relaxed);
    uint64_t fresh;

    do {
        atomic_store_explicit(link(s, i), (uint32_t)head, memory_order_relaxed);
        fresh = ((head >> 32) + 1) << 32 | i;
        /* release: the link, and the reader's last use of the item, come before */
    } while (!atomic_compare_exchange_weak_explicit(list, &head, fresh, memory_order_seq_cst,
                                                    memory_order_relaxed));
}

/* UINT32_MAX (CHUNK_NONE, SLOT_NONE) when empty. */
static uint32_t list_pop(const struct segment *s, _Atomic uint64_t *list, link_of link,
                         uint32_t limit)
{
    /* acquire: pairs with the push, so that the item's link is the one pushed with it */
    uint64_t head = atomic_load_explicit(list, memory_order_acquire);

    for (;;) {
        uint32_t i = (uint32_t)head;
        uint64_t fresh;

        if (i >= limit)
            return UINT32_MAX;
        fresh = ((head >> 32) + 1) << 32 | atomic_load_explicit(link(s, i), memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(list, &head, fresh, memory_order_seq_cst,
                                                  memory_order_acquire))
            return i;
    }
}

/* ----------------------------------------------------------- producer -- */

bool ring_host_dead(const struct segment *s)
{
    const struct segment_header *h = segment_header(s);

    /* relaxed: a flag that is only ever set; nothing is read on the strength of it */
    return (atomic_load_explicit(&h->host_alive, memory_order_relaxed) & FUTEX_OWNER_DIED) != 0;
}

void ring_host_gone(const struct segment *s)
{
    struct segment_header *h = segment_header(s);

    /* relaxed: as in ring_host_dead */
    atomic_store_explicit(&h->host_alive, FUTEX_OWNER_DIED, memory_order_relaxed);
    futex_wake(&h->space, INT_MAX);
    futex_wake(&h->searches_done, INT_MAX);
}

void ring_rouse(const struct segment *s)
{
    struct segment_header *h = segment_header(s);

    if (atomic_exchange_explicit(&h->host_wait, 0, memory_order_seq_cst))
        futex_wake(&h->host_wait, 1);
}

static uint32_t chunk_pop(const struct segment *s)
{
    return list_pop(s, &segment_header(s)->free_chunks, chunk_link, s->layout.chunks_max);
}

/* Wait until a chunk comes free. */
static enum ring_result chunk_await(const struct segment *s, uint32_t *chunk)
{
    struct segment_header *h = segment_header(s);
    enum ring_result result = RING_OK;

    /*
     * seq_cst against the consumer's push-then-look: either it sees us waiting
     * and wakes, or our pop sees its chunk.
     */
    atomic_fetch_add_explicit(&h->producers_waiting, 1, memory_order_seq_cst);
    for (;;) {
        uint32_t space = atomic_load_explicit(&h->space, memory_order_seq_cst);

        *chunk = chunk_pop(s);
        if (*chunk != CHUNK_NONE)
            break;
        if (ring_host_dead(s)) {
            result = RING_NO_HOST;
            break;
        }
        ring_rouse(s);
        futex_wait(&h->space, space, PRODUCER_WAIT_NS);
    }
    atomic_fetch_sub_explicit(&h->producers_waiting, 1, memory_order_relaxed);
    return result;
}

/* A free chunk, made ready for `slot`. */
static enum ring_result chunk_take(const struct segment *s, uint32_t slot, uint32_t *chunk)
{
    const struct segment_settings *settings = &segment_header(s)->settings;
    enum ring_result result = RING_OK;
    struct chunk *c;

    *chunk = chunk_pop(s);
    if (*chunk == CHUNK_NONE)
        result = settings->lossy ? RING_DROPPED : chunk_await(s, chunk);
    if (result != RING_OK) {
        if (result == RING_DROPPED)
            ring_rouse(s);
        return result;
    }
    c = segment_chunk(s, *chunk);
    /* relaxed: published by the release that links the chunk or opens the slot */
    atomic_store_explicit(&c->progress, 0, memory_order_relaxed);
    atomic_store_explicit(&c->successor, CHUNK_NONE, memory_order_relaxed);
    c->opened = clock_ticks(settings->clock);
    c->opened_stamp = stamp_now(s, settings->clock);
    c->slot = slot;
    return RING_OK;
}

static void writer_open(struct ring_writer *w, struct chunk *c)
{
    w->chunk = c;
    w->next = c->words;
    w->end = c->words + CHUNK_WORDS;
}

/* A never-used slot, SLOT_NONE when all are in use. */
static uint32_t slot_fresh(const struct segment *s)
{
    struct segment_header *h = segment_header(s);
    uint32_t used = atomic_load_explicit(&h->slots_used, memory_order_relaxed);

    do {
        if (used >= s->layout.slots_max)
            return SLOT_NONE;
        /* relaxed: the host reads the slot's own `life` before anything in it */
    } while (!atomic_compare_exchange_weak_explicit(&h->slots_used, &used, used + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return used;
}

enum ring_result ring_join(const struct segment *s, struct ring_writer *w, uint32_t tid)
{
    struct segment_header *h = segment_header(s);
    uint32_t slot = list_pop(s, &h->free_slots, slot_link, s->layout.slots_max);
    enum ring_result result;
    struct slot *mine;
    uint32_t chunk;

    if (slot == SLOT_NONE)
        slot = slot_fresh(s);
    if (slot == SLOT_NONE)
        return RING_FULL;
    result = chunk_take(s, slot, &chunk);
    if (result != RING_OK) {
        list_push(s, &h->free_slots, slot_link, slot);
        return result;
    }
    mine = segment_slot(s, slot);
    atomic_store_explicit(&mine->tid, tid, memory_order_relaxed);
    atomic_store_explicit(&mine->first_chunk, chunk, memory_order_relaxed);
    /* release: tid, first chunk and the chunk's header are there for who sees the slot taken */
    atomic_fetch_add_explicit(&mine->life, 1, memory_order_release);
    w->slot = slot;
    writer_open(w, segment_chunk(s, chunk));
    return RING_OK;
}

enum ring_result ring_turn(const struct segment *s, struct ring_writer *w)
{
    struct segment_header *h = segment_header(s);
    enum ring_result result;
    uint32_t chunk, handed;

    result = chunk_take(s, w->slot, &chunk);
    if (result != RING_OK)
        return result;
    /* release: the old chunk's last progress and the new one's header come before the link */
    atomic_store_explicit(&w->chunk->successor, chunk, memory_order_release);
    writer_open(w, segment_chunk(s, chunk));
    handed = atomic_fetch_add_explicit(&h->chunks_handed, 1, memory_order_relaxed) + 1;
    if (atomic_load_explicit(&h->host_wait, memory_order_relaxed) &&
        (int32_t)(handed - atomic_load_explicit(&h->wake_at, memory_order_relaxed)) >= 0)
        ring_rouse(s);
    return RING_OK;
}

/*
 * Not counted among the waiting producers: a signal handler may jump out of here.
 * So a rousing can miss a host that is about to sleep, and is repeated, soon at
 * first.
 */
enum ring_result ring_ask(const struct segment *s, uint32_t slot, uint32_t sequence,
                          uint64_t answer[2])
{
    struct slot *mine = segment_slot(s, slot);
    uint64_t until = clock_monotonic_ns() + ANSWER_ALL_NS, wait = ANSWER_FIRST_NS;

    for (;;) {
        /* acquire: pairs with answer_query; the numbers are there */
        uint32_t answered = atomic_load_explicit(&mine->answered, memory_order_acquire);

        if ((int32_t)(answered - sequence) >= 0) {
            answer[0] = mine->answer[0];
            answer[1] = mine->answer[1];
            return answered == sequence ? RING_OK : RING_DROPPED;
        }
        if (ring_host_dead(s))
            return RING_NO_HOST;
        if (clock_monotonic_ns() > until)
            return RING_DROPPED;
        ring_rouse(s);
        futex_wait(&mine->answered, answered, wait);
        wait = wait * 2 < PRODUCER_WAIT_NS ? wait * 2 : PRODUCER_WAIT_NS;
    }
}

void ring_recover(const struct segment *s, struct ring_writer *w)
{
    /* relaxed: these were written by this thread itself */
    uint32_t successor = atomic_load_explicit(&w->chunk->successor, memory_order_relaxed);

    if (successor != CHUNK_NONE)
        w->chunk = segment_chunk(s, successor);
    writer_open(w, w->chunk);
    w->next += atomic_load_explicit(&w->chunk->progress, memory_order_relaxed) >> 1;
    ring_commit(w, w->next); /* nothing is in flight */
}

/* ----------------------------------------------------------- consumer -- */

/*
 * A producer that is woken for one chunk fills it in microseconds and waits again,
 * and waking it costs more than that: it is woken when it can go on for a while,
 * or when there is nothing more to drain.
 */
#define CHUNKS_TO_ANNOUNCE 16u

static void announce_space(const struct segment *s)
{
    struct segment_header *h = segment_header(s);
    uint32_t freed = h->unannounced;

    h->unannounced = 0;
    if (freed)
        futex_wake(&h->space, (int)(freed & INT32_MAX));
}

static void chunk_recycle(const struct segment *s, uint32_t chunk)
{
    struct segment_header *h = segment_header(s);

    list_push(s, &h->free_chunks, chunk_link, chunk);
    atomic_fetch_add_explicit(&h->space, 1, memory_order_seq_cst);
    /* seq_cst: see chunk_await */
    if (atomic_load_explicit(&h->producers_waiting, memory_order_seq_cst) &&
        ++h->unannounced >= CHUNKS_TO_ANNOUNCE)
        announce_space(s);
}

void ring_grow(const struct segment *s, uint32_t first, uint32_t count)
{
    for (uint32_t i = count; i > 0; i--) /* lowest on top: dense pages first */
        chunk_recycle(s, first + i - 1);
    announce_space(s);
}

bool ring_open(const struct segment *s, uint32_t i, struct ring_cursor *c)
{
    struct slot *slot;

    if (i >= s->layout.slots_max)
        return false;
    slot = segment_slot(s, i);
    /* acquire: pairs with ring_join's release */
    c->life = atomic_load_explicit(&slot->life, memory_order_acquire);
    if ((c->life & 1) == 0)
        return false;
    c->slot = i;
    c->chunk = atomic_load_explicit(&slot->first_chunk, memory_order_relaxed);
    c->word = 0;
    return true;
}

struct ring_span ring_peek(const struct segment *s, const struct ring_cursor *c)
{
    struct ring_span span = {0};
    struct chunk *chunk;
    uint64_t progress;

    if (c->chunk >= s->layout.chunks_max) {
        span.damaged = true;
        return span;
    }
    chunk = segment_chunk(s, c->chunk);
    /* acquire: pairs with ring_commit; the words counted are there */
    progress = atomic_load_explicit(&chunk->progress, memory_order_acquire);
    if (progress >> 1 > CHUNK_WORDS || progress >> 1 < c->word) {
        span.damaged = true;
        return span;
    }
    span.words = chunk->words + c->word;
    span.count = (uint32_t)(progress >> 1) - c->word;
    span.in_flight = progress & 1;
    span.opened = chunk->opened;
    span.opened_stamp = chunk->opened_stamp;
    return span;
}

bool ring_consume(const struct segment *s, struct ring_cursor *c, uint32_t words, bool *damaged)
{
    struct chunk *chunk = segment_chunk(s, c->chunk);
    uint32_t successor;

    c->word += words;
    /* acquire: what the owner committed before it moved on is visible in `progress` below */
    successor = atomic_load_explicit(&chunk->successor, memory_order_acquire);
    if (successor == CHUNK_NONE)
        return false;
    if (atomic_load_explicit(&chunk->progress, memory_order_relaxed) >> 1 != c->word)
        return false;
    if (successor >= s->layout.chunks_max || successor == c->chunk) {
        *damaged = true;
        return false;
    }
    chunk_recycle(s, c->chunk);
    c->chunk = successor;
    c->word = 0;
    return true;
}

void ring_close(const struct segment *s, struct ring_cursor *c)
{
    struct slot *slot = segment_slot(s, c->slot);

    if (c->chunk < s->layout.chunks_max)
        chunk_recycle(s, c->chunk);
    /* release: our last look at the slot comes before it can be taken again */
    atomic_store_explicit(&slot->life, c->life + 1, memory_order_release);
    list_push(s, &segment_header(s)->free_slots, slot_link, c->slot);
}

void ring_host_sleep(const struct segment *s, uint32_t chunks, uint64_t timeout_ns)
{
    struct segment_header *h = segment_header(s);
    uint32_t handed = atomic_load_explicit(&h->chunks_handed, memory_order_relaxed);

    announce_space(s);
    atomic_store_explicit(&h->wake_at, handed + chunks, memory_order_relaxed);
    /* seq_cst: a producer that starts to wait after this either is seen below or rouses us */
    atomic_store_explicit(&h->host_wait, 1, memory_order_seq_cst);
    if (!atomic_load_explicit(&h->producers_waiting, memory_order_seq_cst))
        futex_wait(&h->host_wait, 1, timeout_ns);
    atomic_store_explicit(&h->host_wait, 0, memory_order_relaxed);
}
