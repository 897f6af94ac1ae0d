/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/model.h"

#include "src/host/model/sizeclass.h"
#include "src/host/profile/profile.h"
#include "src/shared/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STACKS 12u
#define NODES_MAX 100u

static struct model m;
static struct model_thread one, two;
static uint64_t now;

static int set_up(void **state)
{
    (void)state;
    now = 1000;
    model_init(&m, NODES_MAX, now, 1);
    one = (struct model_thread){.row = threads_add(&m.threads, 1, "one")};
    two = (struct model_thread){.row = threads_add(&m.threads, 2, "two")};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    model_release(&m);
    return 0;
}

static void feed(struct model_thread *t, uint32_t kind, uint64_t address, const uint64_t *rest,
                 uint32_t flags)
{
    struct model_event e = {.word0 = address | (uint64_t)flags << RECORD_FLAGS_SHIFT |
                                     (uint64_t)kind << RECORD_KIND_SHIFT,
                            .thread = t,
                            .time = ++now};

    if (rest)
        memcpy(e.rest, rest, (record_words(e.word0) - 1) * sizeof(*rest));
    model_apply(&m, &e, 1);
}

static void sized(struct model_thread *t, uint32_t kind, uint64_t address, uint64_t size,
                  uint32_t stack, uint64_t extra)
{
    uint64_t rest[MODEL_REST] = {0}, *next = rest;
    uint32_t flags = size > UINT32_MAX ? RECORD_BIG : 0;

    *next++ = (uint32_t)size | (uint64_t)stack << 32;
    if (flags)
        *next++ = size >> 32;
    *next++ = extra;
    feed(t, kind, address, rest, flags);
}

static void alloc(struct model_thread *t, uint64_t address, uint64_t size, uint32_t stack)
{
    sized(t, RECORD_ALLOC, address, size, stack, 0);
}

static void release(struct model_thread *t, uint64_t address)
{
    feed(t, RECORD_FREE, address, NULL, 0);
}

/* The sites of all size classes in one; a mapping's is one anyway. */
static struct site site_at(uint32_t stack, const struct model_thread *t, uint32_t domain)
{
    struct site sum = {.smallest = UINT64_MAX, .first_time = UINT64_MAX};

    for (uint32_t i = 1; i < m.sites.count; i++) {
        const struct site *site = &m.sites.sites[i];

        if (site->node != stack || site->thread != t->row || site->domain != domain ||
            !site->total_blocks)
            continue;
        sum.live_bytes += site->live_bytes;
        sum.live_blocks += site->live_blocks;
        sum.peak_bytes += site->peak_bytes;
        sum.peak_blocks += site->peak_blocks;
        sum.total_bytes += site->total_bytes;
        sum.total_blocks += site->total_blocks;
        sum.temporary_bytes += site->temporary_bytes;
        sum.temporary_blocks += site->temporary_blocks;
        sum.smallest = site->smallest < sum.smallest ? site->smallest : sum.smallest;
        sum.largest = site->largest > sum.largest ? site->largest : sum.largest;
        sum.first_time = site->first_time < sum.first_time ? site->first_time : sum.first_time;
        sum.last_time = site->last_time > sum.last_time ? site->last_time : sum.last_time;
        if (domain != DOMAIN_MMAP) {
            assert_int_equal(sizeclass_of(site->smallest), site->class);
            assert_int_equal(sizeclass_of(site->largest), site->class);
        }
    }
    return sum;
}

static void assert_heap(uint64_t live_bytes, uint64_t live_blocks, uint64_t total_bytes,
                        uint64_t total_blocks)
{
    const struct model_totals *heap = &m.totals[DOMAIN_HEAP];

    assert_int_equal(heap->live_bytes, live_bytes);
    assert_int_equal(heap->live_blocks, live_blocks);
    assert_int_equal(heap->total_bytes, total_bytes);
    assert_int_equal(heap->total_blocks, total_blocks);
    assert_int_equal(m.live.count, live_blocks);
}

static void test_counts(void **unused)
{
    struct site site;

    (void)unused;
    alloc(&one, 0x1000, 100, 5);
    alloc(&one, 0x2000, 30, 5);
    alloc(&two, 0x3000, 0, 5);
    release(&two, 0x1000);
    assert_heap(30, 2, 130, 3);
    site = site_at(5, &one, DOMAIN_HEAP);
    assert_int_equal(site.live_bytes, 30);
    assert_int_equal(site.total_blocks, 2);
    assert_int_equal(site.smallest, 30);
    assert_int_equal(site.largest, 100);
    assert_int_equal(site.first_time, 1001);
    assert_int_equal(site.last_time, 1002);
    assert_int_equal(site_at(5, &two, DOMAIN_HEAP).smallest, 0);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_bytes, 130);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_time, 1002);
}

static void test_big(void **unused)
{
    const uint64_t size = UINT64_C(0x123456789ab);

    (void)unused;
    alloc(&one, 0x1000, size, 3);
    sized(&one, RECORD_REALLOC, 0x2000, size + 1, 3, 0x1000);
    assert_heap(size + 1, 1, 2 * size + 1, 2);
    release(&one, 0x2000);
    assert_heap(0, 0, 2 * size + 1, 2);
}

/* Freed by its own thread with no allocation of that thread in between. */
static void test_temporary(void **unused)
{
    const struct model_totals *heap = &m.totals[DOMAIN_HEAP];

    (void)unused;
    alloc(&one, 0x1000, 10, 3);
    alloc(&two, 0x2000, 10, 3);
    release(&one, 0x1000); /* temporary: only the other thread allocated */
    assert_int_equal(heap->temporary_blocks, 1);
    release(&one, 0x2000); /* another thread's */
    alloc(&one, 0x3000, 10, 3);
    alloc(&one, 0x4000, 10, 3);
    release(&one, 0x3000); /* one allocation in between */
    assert_int_equal(heap->temporary_blocks, 1);
    release(&one, 0x4000); /* the last one still */
    assert_int_equal(heap->temporary_blocks, 2);
    assert_int_equal(heap->temporary_bytes, 20);
}

/* The address this thread allocated last, but by now another thread's block. */
static void test_temporary_elsewhere(void **unused)
{
    (void)unused;
    alloc(&one, 0x1000, 10, 3);
    release(&two, 0x1000);
    alloc(&two, 0x1000, 20, 3);
    release(&one, 0x1000);
    assert_int_equal(m.totals[DOMAIN_HEAP].temporary_blocks, 0);
}

static void test_realloc_once(void **unused)
{
    (void)unused;
    alloc(&one, 0x1000, 100, 3);
    alloc(&one, 0x2000, 50, 3);
    sized(&one, RECORD_REALLOC, 0x1000, 120, 4, 0x1000);
    assert_heap(170, 2, 270, 3);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_bytes, 170); /* never both at once */
    assert_int_equal(site_at(3, &one, DOMAIN_HEAP).live_bytes, 50);
    assert_int_equal(site_at(4, &one, DOMAIN_HEAP).live_bytes, 120);
}

/* In two halves: meanwhile another thread gets the old address. */
static void test_realloc_halves(void **unused)
{
    (void)unused;
    alloc(&one, 0x1000, 100, 3);
    feed(&one, RECORD_REALLOC_BEGIN, 0x1000, NULL, 0);
    alloc(&two, 0x1000, 10, 5);
    sized(&one, RECORD_REALLOC_END, 0x2000, 200, 4, 0);
    assert_heap(210, 2, 310, 3);
    assert_int_equal(m.replaced_blocks, 0);
    release(&one, 0x1000);
    release(&one, 0x2000);
    assert_heap(0, 0, 310, 3);
}

static void test_realloc_failed(void **unused)
{
    (void)unused;
    alloc(&one, 0x1000, 100, 3);
    feed(&one, RECORD_REALLOC_BEGIN, 0x1000, NULL, 0);
    feed(&one, RECORD_REALLOC_FAIL, 0x1000, NULL, 0);
    assert_heap(100, 1, 100, 1);
    release(&one, 0x1000);
    assert_int_equal(m.totals[DOMAIN_HEAP].temporary_blocks, 1);
    feed(&one, RECORD_REALLOC_BEGIN, 0x7000, NULL, 0); /* never seen */
    feed(&one, RECORD_REALLOC_FAIL, 0x7000, NULL, 0);
    assert_int_equal(m.unknown_frees, 0);
    sized(&one, RECORD_FAILED, 0, 1 << 30, 3, 0);
    assert_int_equal(m.failed_blocks, 1);
    assert_heap(0, 0, 100, 1);
}

static void test_oddities(void **unused)
{
    (void)unused;
    release(&one, 0x1000);
    assert_int_equal(m.unknown_frees, 1);
    alloc(&one, 0x1000, 10, 3);
    alloc(&one, 0x1000, 20, 4);
    assert_int_equal(m.replaced_blocks, 1);
    assert_heap(20, 1, 30, 2);
    alloc(&one, 0x2000, 5, NODES_MAX + 1); /* no such stack */
    assert_int_equal(site_at(STACK_ROOT_TRUNCATED, &one, DOMAIN_HEAP).live_bytes, 5);
    alloc(&one, 0, 5, 3);
    feed(&one, 77, 0x1000, NULL, 0);
    assert_int_equal(m.damaged_records, 2);
}

/* Every site's numbers at the peak, against copies made at each new peak. */
static void test_peak(void **unused)
{
    uint64_t address[400] = {0}, size[400], bytes[STACKS] = {0}, blocks[STACKS] = {0};
    uint64_t peak_bytes[STACKS], peak_blocks[STACKS], live = 0, peak = 0, peak_time = 0;
    uint32_t stack[400];

    (void)unused;
    srand(7);
    for (int step = 0; step < 40000; step++) {
        uint32_t i = (uint32_t)rand() % 400;

        if (address[i]) {
            release(rand() % 2 ? &one : &two, address[i]);
            address[i] = 0;
            bytes[stack[i]] -= size[i];
            blocks[stack[i]]--;
            live -= size[i];
            continue;
        }
        address[i] = 0x1000 + i * 16u;
        size[i] = (uint64_t)rand() % 1000;
        stack[i] = 3 + (uint32_t)rand() % (STACKS - 3);
        alloc(&one, address[i], size[i], stack[i]);
        bytes[stack[i]] += size[i];
        blocks[stack[i]]++;
        live += size[i];
        if (live > peak) {
            peak = live;
            peak_time = now;
            memcpy(peak_bytes, bytes, sizeof(bytes));
            memcpy(peak_blocks, blocks, sizeof(blocks));
        }
    }
    model_finish(&m, ++now);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_bytes, peak);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_time, peak_time);
    for (uint32_t s = 3; s < STACKS; s++) {
        assert_int_equal(site_at(s, &one, DOMAIN_HEAP).peak_bytes, peak_bytes[s]);
        assert_int_equal(site_at(s, &one, DOMAIN_HEAP).peak_blocks, peak_blocks[s]);
        assert_int_equal(site_at(s, &one, DOMAIN_HEAP).live_bytes, bytes[s]);
    }
}

static void assert_mapped(uint64_t live_bytes, uint64_t live_blocks, uint64_t total_bytes)
{
    const struct model_totals *mapped = &m.totals[DOMAIN_MMAP];

    assert_int_equal(mapped->live_bytes, live_bytes);
    assert_int_equal(mapped->live_blocks, live_blocks);
    assert_int_equal(mapped->total_bytes, total_bytes);
    assert_heap(0, 0, 0, 0); /* never mixed */
}

static void unmap(uint64_t address, uint64_t length)
{
    feed(&one, RECORD_MUNMAP, address, &length, 0);
}

static void test_mappings(void **unused)
{
    uint64_t moved[3] = {0x2000 | (uint64_t)4 << 32, 0x10000, 0x1000};
    uint64_t program_break[2] = {(uint64_t)5 << 32, 0x900000};

    (void)unused;
    sized(&one, RECORD_MMAP, 0x10000, 0x3001, 3, 0); /* four pages */
    assert_mapped(0x4000, 1, 0x4000);
    unmap(0x11000, 0x1000); /* the middle */
    assert_mapped(0x3000, 1, 0x4000);
    sized(&one, RECORD_MMAP, 0x13000, 0x2000, 4, 0); /* MAP_FIXED, half over the first */
    assert_mapped(0x4000, 2, 0x6000);
    unmap(0x12000, 0x1000);
    feed(&one, RECORD_MREMAP, 0x50000, moved, 0); /* the first's last page, grown and moved */
    assert_mapped(0x4000, 2, 0x8000);
    feed(&one, RECORD_BREAK, 0x900123, program_break, 0);
    assert_mapped(0x4123, 3, 0x8123);
    program_break[1] = 0x900123;
    feed(&one, RECORD_BREAK, 0x900100, program_break, 0);
    assert_mapped(0x4100, 3, 0x8123);
    unmap(0, UINT64_C(1) << 46);
    assert_mapped(0, 0, 0x8123);
    unmap(0x5000, UINT64_MAX - 0x2000); /* runs over the end of everything */
    assert_int_equal(m.damaged_records, 1);
    assert_int_equal(m.totals[DOMAIN_MMAP].peak_bytes, 0x4123);
}

/*
 * Events that come in batches, where a block freed by the next event is not put
 * into the table, leave the same numbers as events that come one by one.
 */
#define BATCHED_EVENTS 4096u

static struct model_event batched[BATCHED_EVENTS];

/* Allocations and frees of few addresses by two threads, often of the last address. */
static void make_batched(unsigned seed)
{
    uint64_t address = 0x1000;

    srand(seed);
    for (uint32_t i = 0; i < BATCHED_EVENTS; i++) {
        bool free_it = rand() % 2;
        struct model_event *e = &batched[i];

        if (!free_it || rand() % 4 == 0)
            address = 0x1000 + 16 * (uint64_t)(rand() % 24);
        e->word0 = address | (uint64_t)(free_it ? RECORD_FREE : RECORD_ALLOC) << RECORD_KIND_SHIFT;
        e->rest[0] = (uint64_t)(rand() % 500) | (uint64_t)(5 + rand() % 3) << 32;
        e->thread = rand() % 8 ? &one : &two;
        e->time = 2000 + i;
    }
}

static void apply_in_batches_of(size_t size, struct model_totals *totals, struct site sites[6],
                                uint64_t others[3])
{
    void *state = NULL;

    set_up(&state);
    for (size_t i = 0; i < BATCHED_EVENTS; i += size)
        model_apply(&m, &batched[i], size);
    model_finish(&m, 9999);
    *totals = m.totals[DOMAIN_HEAP];
    for (uint32_t i = 0; i < 6; i++)
        sites[i] = site_at(5 + i / 2, i % 2 ? &two : &one, DOMAIN_HEAP);
    others[0] = m.live.count;
    others[1] = m.unknown_frees;
    others[2] = m.replaced_blocks;
    tear_down(&state);
}

static void test_batches(void **unused)
{
    struct model_totals totals[2];
    struct site sites[2][6];
    uint64_t others[2][3];

    (void)unused;
    tear_down(unused);
    for (unsigned seed = 1; seed <= 20; seed++) {
        make_batched(seed);
        apply_in_batches_of(1, &totals[0], sites[0], others[0]);
        apply_in_batches_of(MODEL_BATCH, &totals[1], sites[1], others[1]);
        assert_true(totals[0].temporary_blocks > 100);
        assert_memory_equal(&totals[0], &totals[1], sizeof(totals[0]));
        assert_memory_equal(others[0], others[1], sizeof(others[0]));
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(sites[0][i].live_bytes, sites[1][i].live_bytes);
            assert_int_equal(sites[0][i].peak_bytes, sites[1][i].peak_bytes);
            assert_int_equal(sites[0][i].total_blocks, sites[1][i].total_blocks);
            assert_int_equal(sites[0][i].temporary_blocks, sites[1][i].temporary_blocks);
            assert_int_equal(sites[0][i].largest, sites[1][i].largest);
        }
    }
    set_up(unused);
}

static void test_rss(void **unused)
{
    (void)unused;
    model_rss(&m, 2000, 5000);
    model_rss(&m, 3000, 4000);
    model_finish(&m, 4000);
    assert_int_equal(m.rss_peak_bytes, 5000);
    assert_int_equal(m.timeline.samples[0].rss_bytes, 5000);
    assert_int_equal(m.timeline.samples[m.timeline.count - 1].time, 4000);
}

/* A size that no block can have is damage, and makes no sum of address and size wrap round. */
static void test_impossible_size(void **state)
{
    struct livetable_block block;

    (void)state;
    alloc(&one, 0x10000, UINT64_MAX - 15, 5);
    assert_int_equal(m.damaged_records, 1);
    assert_true(livetable_find(&m.live, 0x10000, &block));
    assert_int_equal(block.size, RECORD_ADDRESS_MASK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_counts),
        TEST(test_big),
        TEST(test_temporary),
        TEST(test_temporary_elsewhere),
        TEST(test_realloc_once),
        TEST(test_realloc_halves),
        TEST(test_realloc_failed),
        TEST(test_oddities),
        TEST(test_peak),
        TEST(test_mappings),
        TEST(test_batches),
        TEST(test_rss),
        TEST(test_impossible_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
