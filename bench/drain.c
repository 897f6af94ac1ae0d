/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many events a second the collector drains with N live blocks, and what
 * a live block costs it in memory.
 *
 *   drain [-n LIVE] [-e EVENTS] [-s STACKS] [-l PERCENT] [-t STREAMS]
 *
 * Records are made in this process and put into a segment as a target would:
 * the ring is filled, then drained; only the draining is timed, in processor
 * time of the collecting thread.  Each step
 * frees one block and allocates another.  PERCENT of the frees hit one of the
 * 64 blocks allocated last, as most frees of real programs do; the others any
 * of the LIVE blocks.  Stacks are drawn from a skewed distribution.
 */
#include "src/host/model/collector.h"
#include "src/host/process/procinfo.h"
#include "src/shared/stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RECENT 64u
#define RESERVE_CHUNKS 4u /* left free, so that the producer never has to wait */

struct bench {
    struct segment segment;
    struct model model;
    struct collector collector;
    struct ring_writer *writers;
    uint32_t streams, turn;
    uint32_t stacks, local_percent;
    bool timed;
    struct stamp_taker *stamps; /* one for each writer */
    uint64_t random;
    uint64_t *live; /* addresses */
    uint64_t live_count;
    uint64_t *unused; /* addresses that were freed, a queue */
    uint64_t unused_head, unused_mask;
    uint64_t recent[RECENT];
    uint64_t made;
    uint64_t drain_ns, drained;
};

static uint64_t random_next(struct bench *b)
{
    /* xorshift64* */
    b->random ^= b->random >> 12;
    b->random ^= b->random << 25;
    b->random ^= b->random >> 27;
    return b->random * UINT64_C(2685821657736338717);
}

static uint64_t random_below(struct bench *b, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)random_next(b) * limit) >> 64);
}

static void fail(const char *what)
{
    fprintf(stderr, "drain: %s\n", what);
    exit(1);
}

/* ------------------------------------------------------------ producing -- */

static uint64_t processor_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void drain_all(struct bench *b, bool timed)
{
    uint64_t began = processor_ns(), events = 0, got;

    while ((got = collector_round(&b->collector)) != 0)
        events += got;
    if (timed) {
        b->drain_ns += processor_ns() - began;
        b->drained += events;
    }
}

static void emit(struct bench *b, uint32_t kind, uint64_t address, uint64_t size_stack)
{
    struct ring_writer *w = &b->writers[b->turn];
    struct stamp_taker *taker = &b->stamps[b->turn];
    uint64_t *next, stamp = taker->last;

    if (ring_room(&b->segment, w, 3) != RING_OK)
        fail("the ring is full");
    ring_begin(w);
    next = w->next;
    if (b->timed)
        stamp = stamp_take(&b->segment, taker, b->collector.options.clock);
    *next++ = address | (uint64_t)kind << RECORD_KIND_SHIFT |
              (uint64_t)(stamp != taker->last ? RECORD_STAMPED : 0) << RECORD_FLAGS_SHIFT;
    if (kind == RECORD_ALLOC)
        *next++ = size_stack;
    if (stamp != taker->last)
        *next++ = stamp;
    ring_commit(w, next);
    taker->last = stamp;
    b->made++;
    if (b->streams > 1 && b->made % 16 == 0)
        b->turn = (uint32_t)random_below(b, b->streams);
}

static void emit_alloc(struct bench *b, uint64_t address)
{
    /* The product of two random numbers favours low stacks. */
    uint64_t stack = STACK_ROOTS + random_below(b, random_below(b, b->stacks) + 1);
    uint64_t size = 16 + random_below(b, 112);

    emit(b, RECORD_ALLOC, address, stack << 32 | size);
}

/* Blocks of a heap: 16-aligned, roughly in order, 64 bytes apart. */
static uint64_t address_of(uint64_t i)
{
    return UINT64_C(0x555500000000) + i * 64;
}

static void step(struct bench *b)
{
    bool local = random_below(b, 100) < b->local_percent;
    uint64_t slot = local ? b->recent[random_below(b, RECENT)] : random_below(b, b->live_count);
    uint64_t freed = b->live[slot];

    emit(b, RECORD_FREE, freed, 0);
    b->live[slot] = b->unused[b->unused_head & b->unused_mask];
    b->unused[b->unused_head & b->unused_mask] = freed;
    b->unused_head++;
    emit_alloc(b, b->live[slot]);
    b->recent[b->made / 2 % RECENT] = slot;
}

static bool ring_is_full(const struct bench *b)
{
    uint32_t handed =
        atomic_load_explicit(&segment_header(&b->segment)->chunks_handed, memory_order_relaxed);
    static uint32_t before;

    /* 448 of 512: each writer holds one more, and some stay free. */
    if (handed - before < b->collector.buffer - b->collector.buffer / 8 - RESERVE_CHUNKS)
        return false;
    before = handed;
    return true;
}

/* --------------------------------------------------------------- set-up -- */

static void set_up(struct bench *b)
{
    struct segment_layout layout;
    struct segment_settings settings = {.clock = procinfo_tsc_reliable() ? CLOCK_TSC
                                                                         : CLOCK_MONOTONIC_NS};
    struct collector_options options = {.clock = settings.clock};
    void *base;

    segment_layout_default(&layout, 0);
    base = mmap(NULL, layout.segment_bytes, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        fail("no memory for the segment");
    segment_format(&b->segment, base, &layout, &settings);
    model_init(&b->model, layout.nodes_max, clock_ticks(settings.clock), 1u << 20);
    if (collector_init(&b->collector, &b->segment, &b->model, &options, NULL) != 0)
        fail("no memory for the collector");
    b->writers = calloc(b->streams, sizeof(*b->writers));
    b->stamps = calloc(b->streams, sizeof(*b->stamps));
    if (!b->writers || !b->stamps)
        fail("out of memory");
    for (uint32_t i = 0; i < b->streams; i++) {
        if (ring_join(&b->segment, &b->writers[i], 1000 + i) != RING_OK)
            fail("cannot join the ring");
        b->stamps[i].owner = b->writers[i].slot + 1;
    }
    /* what passes for producers here is the collector's own thread */
    segment_header(&b->segment)->barrier_registered = 1;
    b->timed = b->streams > 1;
}

static uint64_t resident_bytes(void)
{
    int fd = procinfo_open_rss(getpid());
    uint64_t bytes = procinfo_rss(fd);

    close(fd);
    return bytes;
}

/* Allocate the LIVE blocks; not timed. */
static void fill(struct bench *b)
{
    b->unused_mask = 1u << 16;
    b->unused = calloc(b->unused_mask, sizeof(*b->unused));
    b->live = calloc(b->live_count, sizeof(*b->live));
    if (!b->unused || !b->live)
        fail("out of memory");
    b->unused_mask--;
    for (uint64_t i = 0; i <= b->unused_mask; i++)
        b->unused[i] = address_of(b->live_count + i);
    for (uint64_t i = 0; i < b->live_count; i++) {
        b->live[i] = address_of(i);
        emit_alloc(b, b->live[i]);
        if (ring_is_full(b))
            drain_all(b, false);
    }
    drain_all(b, false);
}

int main(int argc, char **argv)
{
    struct bench b = {.streams = 1,
                      .stacks = 20000,
                      .local_percent = 0,
                      .live_count = 10000000,
                      .random = 0x9e3779b97f4a7c15};
    uint64_t events = 40000000, before, after;
    int option;

    while ((option = getopt(argc, argv, "n:e:s:l:t:")) != -1) {
        uint64_t value = optarg ? strtoull(optarg, NULL, 10) : 0;

        switch (option) {
        case 'n':
            b.live_count = value ? value : 1;
            break;
        case 'e':
            events = value;
            break;
        case 's':
            b.stacks = (uint32_t)(value ? value : 1);
            break;
        case 'l':
            b.local_percent = (uint32_t)value;
            break;
        case 't':
            b.streams = (uint32_t)(value ? value : 1);
            break;
        default:
            fail("usage: drain [-n LIVE] [-e EVENTS] [-s STACKS] [-l PERCENT] [-t STREAMS]");
        }
    }
    before = resident_bytes();
    set_up(&b);
    fill(&b);
    after = resident_bytes() - b.live_count * sizeof(*b.live);
    b.made = 0;
    while (b.made < events) {
        step(&b);
        if (ring_is_full(&b))
            drain_all(&b, true);
    }
    drain_all(&b, true);
    printf("%" PRIu64 " live blocks, %u stacks, %u%% local, %u streams: %.1f M events/s (%.1f ns "
           "each), table %.1f B a block, resident %.1f B a block\n",
           b.model.live.count, b.stacks, b.local_percent, b.streams,
           (double)b.drained * 1e3 / (double)b.drain_ns, (double)b.drain_ns / (double)b.drained,
           (double)livetable_memory(&b.model.live) / (double)b.live_count,
           (double)(after - before) / (double)b.live_count);
    if (b.model.live.count != b.live_count || b.model.unknown_frees || b.model.replaced_blocks ||
        b.model.damaged_records || b.drained != b.made)
        fail("the model is wrong");
    return 0;
}
