/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector against producers in this process: order between threads, and
 * segments that make no sense.
 */
#include "src/host/model/collector.h"

#include "src/host/process/procinfo.h"
#include "src/host/profile/profile.h"
#include "src/shared/stacktrie.h"
#include "src/shared/stamp.h"
#include "tests/unit/segment-maker.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 6u
#ifndef STEPS /* fewer where each takes long */
#define STEPS 300000u
#endif
#define ADDRESSES 12u

static struct segment segment;
static struct model model;
static struct collector collector;
static uint32_t clock_kind;
#define SLOTS (4u << 10)
static struct stamp_taker takers[SLOTS];
static bool always_turns;                     /* however crowded it is */
static __thread uint32_t stack = STACK_ROOTS; /* of the records that the thread makes */

/*
 * The threads' stacks: paths of FRAMES frames, each one of BRANCHES, so that all of them
 * make the same nodes at once.
 */
#define FRAMES 6u
#define BRANCHES 3u

static uint32_t make_stack(uint32_t random)
{
    uint32_t node = STACK_ROOT_WHOLE;

    for (uint32_t i = 0; i < FRAMES; i++, random /= BRANCHES)
        node = stacktrie_child(&segment, node, 0x1000 * (i + 1) + random % BRANCHES);
    return node;
}

/* Read while the threads go on, as the host does. */
static void read_stacks(void *context)
{
    (void)context;
    for (uint32_t i = 1; i < model.sites.count; i++) {
        uint32_t node = model.sites.sites[i].node, depth = FRAMES;
        uint64_t frame;

        for (; node != STACK_ROOT_WHOLE && node != STACK_ROOTS && depth > 0; depth--)
            if (!stacktrie_read(&segment, node, &frame, &node) || frame >> 12 != depth)
                abort();
    }
}

static uint64_t before_round(void *context)
{
    (void)context;
    return UINT64_MAX;
}

static int set_up(void **state)
{
    struct segment_settings settings = {0};
    struct collector_options options = {0};

    (void)state;
    clock_kind = procinfo_tsc_reliable() ? CLOCK_TSC : CLOCK_MONOTONIC_NS;
    settings.clock = options.clock = clock_kind;
    if (make_segment(&segment, 4, &settings) != 0)
        return -1;
    assert_int_equal(segment.layout.slots_max, SLOTS);
    /* as the program does */
    segment_header(&segment)->barrier_registered =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
    options.before = before_round;
    options.after = read_stacks;
    model_init(&model, segment.layout.nodes_max, clock_ticks(clock_kind), 1);
    return collector_init(&collector, &segment, &model, &options, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    collector_release(&collector);
    model_release(&model);
    return drop_segment(&segment);
}

static enum ring_result join(struct ring_writer *w, uint32_t tid)
{
    enum ring_result result = ring_join(&segment, w, tid);

    if (result == RING_OK)
        takers[w->slot] = (struct stamp_taker){.owner = w->slot + 1};
    return result;
}

static void emit(struct ring_writer *w, uint32_t kind, uint64_t address, bool timed)
{
    struct stamp_taker *taker = &takers[w->slot];
    uint64_t *next, stamp = taker->last;

    if (ring_room(&segment, w, 3) != RING_OK)
        abort();
    ring_begin(w);
    next = w->next;
    if (always_turns)
        taker->interleaved = 0;
    if (timed)
        stamp = stamp_take(&segment, taker, clock_kind);
    *next++ = address | (uint64_t)kind << RECORD_KIND_SHIFT |
              (uint64_t)(stamp != taker->last ? RECORD_STAMPED : 0) << RECORD_FLAGS_SHIFT;
    if (kind == RECORD_ALLOC)
        *next++ = 64 | (uint64_t)stack << 32;
    if (stamp != taker->last)
        *next++ = stamp;
    ring_commit(w, next);
    taker->last = stamp;
}

/* ------------------------------------------------------------------ order -- */

/* An allocator with a few addresses, so that every free is soon somebody else's block. */
static struct {
    pthread_mutex_t lock;
    uint64_t addresses[ADDRESSES];
    uint32_t count;
    uint32_t allocations;
} heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t heap_take(void)
{
    uint64_t address = 0;

    pthread_mutex_lock(&heap.lock);
    if (heap.count) {
        address = heap.addresses[--heap.count];
        heap.allocations++;
    }
    pthread_mutex_unlock(&heap.lock);
    return address;
}

static void heap_give(uint64_t address)
{
    pthread_mutex_lock(&heap.lock);
    heap.addresses[heap.count++] = address;
    pthread_mutex_unlock(&heap.lock);
}

static uint32_t steps, own_pairs; /* of each thread; blocks of its own between two of those */

static void *work(void *context)
{
    struct ring_writer w;
    uint64_t held[8] = {0};
    uint32_t number = (uint32_t)(uintptr_t)context;
    uint32_t random = number + 1;

    if (join(&w, number) != RING_OK)
        abort();
    for (uint32_t step = 0; step < steps; step++) {
        uint64_t *mine = &held[(random = random * 1664525 + 1013904223) >> 29];

        if (*mine) {
            emit(&w, RECORD_FREE, *mine, true);
            heap_give(*mine);
            *mine = 0;
        } else {
            *mine = heap_take();
            stack = make_stack(random >> 8);
            if (*mine)
                emit(&w, RECORD_ALLOC, *mine, true);
        }
        for (uint32_t i = 0; i < own_pairs; i++) {
            emit(&w, RECORD_ALLOC, 0x1000 * (number + 1), true);
            emit(&w, RECORD_FREE, 0x1000 * (number + 1), true);
        }
    }
    return NULL;
}

static void *collect(void *context)
{
    collector_run(context);
    return NULL;
}

static void threads_in_order(uint32_t each, uint32_t own)
{
    pthread_t collecting, workers[THREADS];

    steps = each;
    own_pairs = own;
    heap.count = 0;
    for (uint32_t i = 0; i < ADDRESSES; i++)
        heap_give(0x10000 + i * 64);
    heap.allocations = 0;
    assert_int_equal(pthread_create(&collecting, NULL, collect, &collector), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, (void *)i), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(workers[i], NULL);
    collector_stop(&collector);
    pthread_join(collecting, NULL);
    collector_finish(&collector);
    assert_int_equal(model.unknown_frees, 0);
    assert_int_equal(model.replaced_blocks, 0);
    assert_int_equal(model.damaged_records, 0);
    assert_int_equal(model.totals[DOMAIN_HEAP].total_blocks,
                     heap.allocations + (uint64_t)THREADS * each * own);
    assert_int_equal(model.live.count, ADDRESSES - heap.count);
    assert_int_equal(model.totals[DOMAIN_HEAP].live_bytes, 64 * (ADDRESSES - heap.count));
}

static void test_order_by_clock(void **unused)
{
    (void)unused;
    segment_header(&segment)->stamps |= STAMP_CLOCK;
    threads_in_order(STEPS, 0);
}

static void test_order_by_turns(void **unused)
{
    (void)unused;
    always_turns = true;
    threads_in_order(STEPS, 2);
    always_turns = false;
    assert_false(segment_header(&segment)->stamps & STAMP_CLOCK);
}

/* As it comes: turns first, and the clock once they are too many. */
static void test_order_by_both(void **unused)
{
    (void)unused;
    threads_in_order(STEPS, 1);
}

/* One thread, no times; then a second one, and times. */
/*
 * The first thread has taken its slot's number but not opened it yet when the host looks: still the
 * records to come have no stamps, and are drained all the same.
 */
static void test_half_open(void **unused)
{
    struct segment_header *h = segment_header(&segment);
    struct ring_writer w;

    (void)unused;
    atomic_store(&h->slots_used, 1);
    collector_round(&collector);
    atomic_store(&h->slots_used, 0);
    assert_int_equal(join(&w, 1), RING_OK);
    emit(&w, RECORD_ALLOC, 0x1000, false);
    emit(&w, RECORD_ALLOC, 0x2000, false);
    collector_round(&collector);
    assert_int_equal(model.events, 2);
}

static void test_one_then_two(void **unused)
{
    struct ring_writer first, second;

    (void)unused;
    assert_int_equal(join(&first, 1), RING_OK);
    emit(&first, RECORD_ALLOC, 0x1000, false);
    emit(&first, RECORD_ALLOC, 0x2000, false);
    assert_int_equal(collector_round(&collector), 2);
    assert_false(collector.timed);
    emit(&first, RECORD_FREE, 0x1000, false);
    assert_int_equal(join(&second, 2), RING_OK);
    emit(&second, RECORD_ALLOC, 0x1000, true);
    emit(&first, RECORD_ALLOC, 0x3000, true);
    emit(&second, RECORD_FREE, 0x3000, true);
    assert_int_equal(collector_round(&collector), 4);
    assert_true(collector.timed);
    assert_int_equal(model.replaced_blocks, 0);
    assert_int_equal(model.unknown_frees, 0);
    assert_int_equal(model.live.count, 2);
}

/* What a thread has in flight holds back what may be younger, not what is older. */
static void test_in_flight(void **unused)
{
    struct ring_writer slow, quick, other;

    (void)unused;
    assert_int_equal(join(&slow, 1), RING_OK);
    assert_int_equal(join(&quick, 2), RING_OK);
    assert_int_equal(join(&other, 3), RING_OK);
    emit(&slow, RECORD_ALLOC, 0x1000, true);
    emit(&quick, RECORD_ALLOC, 0x2000, true);
    assert_int_equal(collector_round(&collector), 2);
    ring_begin(&slow);
    emit(&quick, RECORD_ALLOC, 0x4000, true); /* of the same turn as before */
    assert_int_equal(collector_round(&collector), 1);
    emit(&other, RECORD_ALLOC, 0x5000, true);
    emit(&quick, RECORD_FREE, 0x2000, true);
    assert_int_equal(collector_round(&collector), 0);
    ring_commit(&slow, slow.next);
    assert_int_equal(collector_round(&collector), 2);
    ring_begin(&slow); /* for ever: its process is gone */
    emit(&quick, RECORD_ALLOC, 0x3000, true);
    collector_finish(&collector);
    assert_int_equal(model.events, 6);
}

/* All stand still: what is in flight holds back nothing, and is taken when it comes. */
static void test_settle(void **unused)
{
    struct ring_writer slow, quick, other;

    (void)unused;
    assert_int_equal(join(&slow, 1), RING_OK);
    assert_int_equal(join(&quick, 2), RING_OK);
    assert_int_equal(join(&other, 3), RING_OK);
    emit(&slow, RECORD_ALLOC, 0x1000, true);
    emit(&quick, RECORD_ALLOC, 0x2000, true);
    assert_int_equal(collector_round(&collector), 2);
    ring_begin(&slow);
    emit(&other, RECORD_ALLOC, 0x4000, true);
    emit(&quick, RECORD_ALLOC, 0x3000, true);
    emit(&quick, RECORD_FREE, 0x2000, true);
    assert_int_equal(collector_round(&collector), 0);
    collector_settle(&collector);
    assert_int_equal(model.events, 5);
    assert_int_equal(model.live.count, 3);
    ring_commit(&slow, slow.next);
    emit(&slow, RECORD_FREE, 0x3000, true);
    emit(&quick, RECORD_ALLOC, 0x2000, true);
    assert_int_equal(collector_round(&collector), 2);
    assert_int_equal(model.live.count, 3);
    assert_int_equal(model.unknown_frees, 0);
    assert_int_equal(model.replaced_blocks, 0);
}

/*
 * Recording ended while threads run on: one of them frees a block without a record, another, which
 * did not know yet, is given it and makes one.
 */
static void closes_at_a_stamp(bool turns)
{
    struct ring_writer knowing, unaware;
    struct stamp_taker nobody = {0};

    assert_int_equal(join(&knowing, 1), RING_OK);
    assert_int_equal(join(&unaware, 2), RING_OK);
    if (!turns)
        segment_header(&segment)->stamps |= STAMP_CLOCK;
    emit(&knowing, RECORD_ALLOC, 0x1000, true);
    emit(&unaware, RECORD_ALLOC, 0x2000, true);
    segment_header(&segment)->closed =
        stamp_take_turn(&segment, &nobody, segment_header(&segment)->stamps, clock_kind);
    emit(&unaware, RECORD_ALLOC, 0x1000, true);
    emit(&unaware, RECORD_FREE, 0x2000, true);
    while (collector_round(&collector))
        ;
    collector_finish(&collector);
    assert_int_equal(model.events, 2);
    assert_int_equal(model.live.count, 2);
    assert_int_equal(model.replaced_blocks, 0);
    assert_int_equal(model.damaged_records, 0);
}

static void test_closed_in_turns(void **unused)
{
    (void)unused;
    closes_at_a_stamp(true);
}

static void test_closed_by_clock(void **unused)
{
    (void)unused;
    closes_at_a_stamp(false);
}

/* With one thread there is no order to be kept. */
static void test_settle_untimed(void **unused)
{
    struct ring_writer only;

    (void)unused;
    assert_int_equal(join(&only, 1), RING_OK);
    emit(&only, RECORD_ALLOC, 0x1000, false);
    collector_settle(&collector);
    assert_int_equal(model.live.count, 1);
    assert_false(collector.timed);
    emit(&only, RECORD_FREE, 0x1000, false);
    collector_settle(&collector);
    assert_int_equal(model.live.count, 0);
}

/* ----------------------------------------------------------------- damage -- */

static void test_garbage(void **unused)
{
    struct ring_writer w;

    (void)unused;
    assert_int_equal(join(&w, 1), RING_OK);
    emit(&w, RECORD_ALLOC, 0x1000, false);
    *w.next = UINT64_MAX; /* no such kind */
    ring_commit(&w, w.next + 5);
    assert_int_equal(collector_round(&collector), 1);
    assert_int_equal(model.damaged_records, 1);
    emit(&w, RECORD_ALLOC, 0x2000, false);
    *w.next = (uint64_t)RECORD_MREMAP << RECORD_KIND_SHIFT;
    ring_commit(&w, w.next + 2); /* cut short */
    assert_int_equal(collector_round(&collector), 1);
    assert_int_equal(model.damaged_records, 2);
    assert_int_equal(model.live.count, 2);
}

/* A chain of chunks that leads nowhere, in circles, or claims more words than fit. */
static void test_bad_chains(void **unused)
{
    struct ring_writer w[3];

    (void)unused;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(join(&w[i], i), RING_OK);
        emit(&w[i], RECORD_ALLOC, 0x1000 * (i + 1), true);
    }
    atomic_store(&w[0].chunk->successor, UINT32_MAX - 1);
    atomic_store(&w[1].chunk->successor, (uint32_t)(w[1].chunk - segment_chunk(&segment, 0)));
    atomic_store(&w[2].chunk->progress, (CHUNK_WORDS + 1) << 1);
    collector_round(&collector);
    collector_finish(&collector);
    assert_int_equal(model.damaged_records, 3);
    assert_int_equal(model.live.count, 0);
}

static void test_far_future(void **unused)
{
    struct ring_writer w, other;

    (void)unused;
    assert_int_equal(join(&w, 1), RING_OK);
    assert_int_equal(join(&other, 2), RING_OK);
    emit(&w, RECORD_ALLOC, 0x1000, true);
    w.next[-1] = UINT64_MAX / 4;
    emit(&other, RECORD_ALLOC, 0x2000, true);
    assert_int_equal(collector_round(&collector), 1);
    assert_int_equal(model.damaged_records, 1);
    emit(&w, RECORD_ALLOC, 0x3000, true);
    assert_int_equal(collector_round(&collector), 1);
}

/* While it is one thread's turn for long, no clock comes to what only looks like a turn soon. */
static void test_near_future(void **unused)
{
    struct ring_writer w, other;

    (void)unused;
    assert_int_equal(join(&w, 1), RING_OK);
    assert_int_equal(join(&other, 2), RING_OK);
    emit(&w, RECORD_ALLOC, 0x1000, true);
    w.next[-1] = stamp_next_turn(w.next[-1], 2);
    emit(&w, RECORD_ALLOC, 0x2000, true);
    collector_round(&collector);
    assert_int_equal(model.damaged_records, 1);
    emit(&w, RECORD_ALLOC, 0x3000, true);
    assert_int_equal(collector_round(&collector), 1);
}

/* Threads that end give their slots back. */
static void *come_and_go(void *context)
{
    struct ring_writer w;

    if (join(&w, (uint32_t)syscall(SYS_gettid)) != RING_OK)
        abort();
    emit(&w, RECORD_ALLOC, 0x10000 + (uintptr_t)context * 16, true);
    return NULL;
}

static void test_ended_threads(void **unused)
{
    pthread_t thread;

    (void)unused;
    collector.options.pid = getpid();
    for (uintptr_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, come_and_go, (void *)i), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(pthread_create(&thread, NULL, collect, &collector), 0);
    for (int tries = 0; tries < 1000; tries++) {
        if (atomic_load(&segment_slot(&segment, 0)->life) % 2 == 0 &&
            atomic_load(&segment_slot(&segment, 2)->life) % 2 == 0)
            break;
        usleep(10000);
    }
    collector_stop(&collector);
    pthread_join(thread, NULL);
    assert_int_equal(collector.open, 0);
    assert_int_equal(model.live.count, 3);
    assert_int_equal(model.threads.count, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_order_by_clock),  TEST(test_order_by_turns), TEST(test_order_by_both),
        TEST(test_half_open),       TEST(test_one_then_two),   TEST(test_in_flight),
        TEST(test_garbage),         TEST(test_bad_chains),     TEST(test_far_future),
        TEST(test_ended_threads),   TEST(test_settle),         TEST(test_closed_in_turns),
        TEST(test_closed_by_clock), TEST(test_settle_untimed), TEST(test_near_future),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
