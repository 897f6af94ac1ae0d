/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/requests.h"

#include "src/host/model/model.h"
#include "src/host/profile/profile.h"
#include "src/shared/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES_MAX 100u
#define SLAB 3u

static struct model m;
static struct model_thread one, two;
static uint64_t now;

/* What the hooks were called with last, and how often. */
static struct {
    unsigned snapshots, queries;
    char label[TEXT_BYTES_MAX + 1];
    uint64_t time, live_bytes;
    uint32_t slot, what, sequence;
} seen;

static void on_snapshot(void *context, const char *label, uint64_t time)
{
    const struct model *model = context;

    seen.snapshots++;
    strcpy(seen.label, label);
    seen.time = time;
    seen.live_bytes = model->totals[DOMAIN_HEAP].live_bytes;
}

static void on_query(void *context, uint32_t slot, uint32_t what, uint32_t sequence)
{
    const struct model *model = context;

    seen.queries++;
    seen.slot = slot;
    seen.what = what;
    seen.sequence = sequence;
    seen.live_bytes = model->totals[DOMAIN_HEAP].live_bytes;
}

static int set_up(void **state)
{
    (void)state;
    now = 1000;
    memset(&seen, 0, sizeof(seen));
    model_init(&m, NODES_MAX, now, 1);
    m.hooks = (struct model_hooks){.context = &m, .snapshot = on_snapshot, .query = on_query};
    one = (struct model_thread){.row = threads_add(&m.threads, 1, "one"), .slot = 4};
    two = (struct model_thread){.row = threads_add(&m.threads, 2, "two"), .slot = 9};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    model_release(&m);
    return 0;
}

static struct model_event event(struct model_thread *t, uint32_t kind, uint64_t address,
                                uint32_t flags)
{
    return (struct model_event){.word0 = address | (uint64_t)flags << RECORD_FLAGS_SHIFT |
                                         (uint64_t)kind << RECORD_KIND_SHIFT,
                                .thread = t,
                                .time = ++now};
}

static void feed(struct model_thread *t, uint32_t kind, uint64_t address, uint64_t extra)
{
    struct model_event e = event(t, kind, address, 0);

    e.rest[0] = extra;
    model_apply(&m, &e, 1);
}

static void sized(struct model_thread *t, uint32_t kind, uint64_t address, uint64_t size,
                  uint64_t extra, uint32_t flags)
{
    struct model_event e = event(t, kind, address, flags);

    e.rest[0] = size | UINT64_C(5) << 32;
    e.rest[1] = extra;
    model_apply(&m, &e, 1);
}

static void region(uint64_t address, uint64_t size, uint64_t what, uint32_t flags)
{
    struct model_event e = event(&one, RECORD_REGION, address, flags);
    unsigned at = 0;

    e.rest[at++] = size & UINT32_MAX;
    if (flags & RECORD_BIG)
        e.rest[at++] = size >> 32;
    e.rest[at] = what;
    model_apply(&m, &e, 1);
}

static void alloc(uint64_t address, uint64_t size)
{
    sized(&one, RECORD_ALLOC, address, size, 0, 0);
}

static void piece(struct model_thread *t, uint64_t start, const char *bytes)
{
    struct model_event e = event(t, RECORD_TEXT, start, 0);

    memcpy(e.rest, bytes, strnlen(bytes, TEXT_PIECE_BYTES));
    model_apply(&m, &e, 1);
}

static void text(struct model_thread *t, const char *bytes)
{
    for (uint64_t at = 0; at < strlen(bytes); at += TEXT_PIECE_BYTES)
        piece(t, at, bytes + at);
}

static void assert_domain(uint32_t domain, uint64_t live_bytes, uint64_t live_blocks,
                          uint64_t total_bytes, uint64_t peak_bytes)
{
    const struct model_totals *t = model_domain_totals(&m, domain);
    uint64_t live = 0, total = 0;

    assert_int_equal(t->live_bytes, live_bytes);
    assert_int_equal(t->live_blocks, live_blocks);
    assert_int_equal(t->total_bytes, total_bytes);
    assert_int_equal(t->peak_bytes, peak_bytes);
    for (uint32_t i = 1; i < m.sites.count; i++)
        if (m.sites.sites[i].domain == domain) {
            live += m.sites.sites[i].live_bytes;
            total += m.sites.sites[i].total_bytes;
        }
    assert_int_equal(live, live_bytes);
    assert_int_equal(total, total_bytes);
}

/* A pool's block may begin where the heap's begins that holds it. */
static void test_domains(void **unused)
{
    (void)unused;
    assert_int_equal(model_domain_count(&m), DOMAIN_BUILTIN);
    assert_string_equal(model_domain_name(&m, DOMAIN_IGNORED), "ignored");
    alloc(0x1000, 4096);
    sized(&one, RECORD_DOMAIN_ALLOC, 0x1000, 64, SLAB, 0);
    sized(&two, RECORD_DOMAIN_ALLOC, 0x1040, 32, SLAB, 0);
    sized(&one, RECORD_DOMAIN_ALLOC, 0x1000, 7, SLAB + 2, 0);
    text(&two, "slab");
    feed(&two, RECORD_DOMAIN, 4, SLAB);
    assert_int_equal(model_domain_count(&m), SLAB + 3);
    assert_string_equal(model_domain_name(&m, SLAB), "slab");
    assert_string_equal(model_domain_name(&m, SLAB + 1), "");
    assert_domain(DOMAIN_HEAP, 4096, 1, 4096, 4096);
    assert_domain(SLAB, 96, 2, 96, 96);
    feed(&one, RECORD_DOMAIN_FREE, 0x1000, SLAB);
    assert_domain(SLAB, 32, 1, 96, 96);
    assert_domain(SLAB + 2, 7, 1, 7, 7);
    sized(&one, RECORD_DOMAIN_REALLOC, 0x1000, 100, 0x1040 | (uint64_t)SLAB << 48, 0);
    assert_domain(SLAB, 100, 1, 196, 100);
    feed(&one, RECORD_FREE, 0x1000, 0);
    assert_domain(DOMAIN_HEAP, 0, 0, 4096, 4096);
    assert_domain(SLAB, 100, 1, 196, 100);
    assert_int_equal(m.unknown_frees, 0);
    feed(&one, RECORD_DOMAIN_FREE, 0x1040, SLAB);
    assert_int_equal(m.unknown_frees, 1);
    sized(&one, RECORD_DOMAIN_ALLOC, 0x1000, 9, SLAB, 0);
    assert_int_equal(m.replaced_blocks, 1);
    assert_domain(SLAB, 9, 1, 205, 100);
    assert_int_equal(model_domain_live(&m, SLAB)->count, 1);
    assert_null(model_domain_live(&m, SLAB + 1));
}

/* The thread that took a block gives it back and took none in between. */
static void test_domain_temporary(void **unused)
{
    (void)unused;
    sized(&one, RECORD_DOMAIN_ALLOC, 0x1000, 64, SLAB, 0);
    sized(&two, RECORD_DOMAIN_ALLOC, 0x2000, 64, SLAB, 0);
    feed(&one, RECORD_DOMAIN_FREE, 0x1000, SLAB);
    assert_int_equal(m.totals[SLAB].temporary_blocks, 1);
    feed(&one, RECORD_DOMAIN_FREE, 0x2000, SLAB);
    assert_int_equal(m.totals[SLAB].temporary_blocks, 1);
}

/* Numbers that no program can have been given. */
static void test_domain_damage(void **unused)
{
    static const uint64_t none[] = {DOMAIN_HEAP, DOMAIN_IGNORED, DOMAINS_MAX, UINT64_MAX};

    (void)unused;
    for (unsigned i = 0; i < 4; i++) {
        sized(&one, RECORD_DOMAIN_ALLOC, 0x1000, 64, none[i], 0);
        feed(&one, RECORD_DOMAIN_FREE, 0x1000, none[i]);
        feed(&one, RECORD_DOMAIN, 0, none[i]);
        assert_int_equal(m.damaged_records, 3 * (i + 1));
    }
    sized(&one, RECORD_DOMAIN_ALLOC, 0, 64, SLAB, 0);
    assert_int_equal(m.damaged_records, 13);
    assert_domain(DOMAIN_HEAP, 0, 0, 0, 0);
    assert_domain(SLAB, 0, 0, 0, 0);
}

static void test_ignore(void **unused)
{
    (void)unused;
    alloc(0x1000, 100);
    alloc(0x2000, 30);
    feed(&two, RECORD_IGNORE, 0x1000, 0);
    assert_domain(DOMAIN_HEAP, 30, 1, 130, 130);
    assert_domain(DOMAIN_IGNORED, 100, 1, 100, 100);
    feed(&two, RECORD_IGNORE, 0x1000, 0); /* it is already */
    feed(&two, RECORD_IGNORE, 0x5000, 0); /* nothing there */
    assert_domain(DOMAIN_IGNORED, 100, 1, 100, 100);
    sized(&one, RECORD_REALLOC, 0x3000, 200, 0x1000, 0);
    assert_domain(DOMAIN_HEAP, 30, 1, 330, 130);
    assert_domain(DOMAIN_IGNORED, 200, 1, 300, 200);
    feed(&two, RECORD_REALLOC_BEGIN, 0x3000, 0);
    sized(&two, RECORD_REALLOC_END, 0x3000, 50, 0, 0);
    assert_domain(DOMAIN_HEAP, 30, 1, 380, 130);
    assert_domain(DOMAIN_IGNORED, 50, 1, 350, 200);
    feed(&one, RECORD_FREE, 0x3000, 0);
    assert_domain(DOMAIN_HEAP, 30, 1, 380, 130);
    assert_domain(DOMAIN_IGNORED, 0, 0, 350, 200);
    assert_int_equal(m.unknown_frees, 0);
    /* what lies in a block of the heap, and behind it, and what is no block of the heap */
    feed(&two, RECORD_IGNORE, 0x2000 + 30, 0);
    sized(&one, RECORD_MMAP, 0x10000, 4096, 0, 0);
    feed(&two, RECORD_IGNORE, 0x10008, 0);
    assert_domain(DOMAIN_IGNORED, 0, 0, 350, 200);
    feed(&two, RECORD_IGNORE, 0x2000 + 29, 0);
    assert_domain(DOMAIN_HEAP, 0, 0, 380, 130);
    assert_domain(DOMAIN_IGNORED, 30, 1, 380, 200);
    feed(&one, RECORD_FREE, 0x2000, 0);
    assert_domain(DOMAIN_IGNORED, 0, 0, 380, 200);
    assert_int_equal(m.unknown_frees, 0);
}

static void test_clear(void **unused)
{
    (void)unused;
    alloc(0x1000, 100);
    alloc(0x2000, 30);
    feed(&one, RECORD_IGNORE, 0x2000, 0);
    sized(&one, RECORD_DOMAIN_ALLOC, 0x1000, 64, SLAB, 0);
    sized(&one, RECORD_MMAP, 0x10000, 4096, 0, 0);
    sized(&one, RECORD_FAILED, 0, 4096, 0, 0);
    feed(&two, RECORD_REALLOC_BEGIN, 0x1000, 0);
    feed(&one, RECORD_CLEAR, 0, 0);
    for (uint32_t i = 0; i < model_domain_count(&m); i++)
        assert_domain(i, 0, 0, 0, 0);
    assert_int_equal(m.live.count, 0);
    assert_int_equal(m.failed_blocks, 0);
    for (uint32_t i = 1; i < m.sites.count; i++)
        assert_true(m.sites.sites[i].smallest > m.sites.sites[i].largest);
    /* the end of what was under way, and frees of what was forgotten */
    sized(&two, RECORD_REALLOC_END, 0x3000, 200, 0, 0);
    feed(&one, RECORD_FREE, 0x2000, 0);
    feed(&one, RECORD_DOMAIN_FREE, 0x1000, SLAB);
    feed(&one, RECORD_MUNMAP, 0x10000, 4096);
    assert_domain(DOMAIN_HEAP, 200, 1, 200, 200);
    assert_domain(DOMAIN_MMAP, 0, 0, 0, 0);
    assert_int_equal(m.unknown_frees, 0);
    assert_int_equal(m.untracked_frees, 2);
    feed(&one, RECORD_FREE, 0x3000, 0);
    assert_domain(DOMAIN_HEAP, 0, 0, 200, 200);
    assert_string_equal(model_domain_name(&m, SLAB), "");
}

/* A realloc that began before and failed after leaves nothing behind. */
static void test_clear_in_realloc(void **unused)
{
    (void)unused;
    alloc(0x1000, 100);
    feed(&one, RECORD_REALLOC_BEGIN, 0x1000, 0);
    feed(&two, RECORD_CLEAR, 0, 0);
    feed(&one, RECORD_REALLOC_FAIL, 0x1000, 0);
    assert_domain(DOMAIN_HEAP, 0, 0, 0, 0);
    assert_int_equal(m.live.count, 0);
    alloc(0x2000, 10);
    feed(&one, RECORD_REALLOC_BEGIN, 0x2000, 0);
    feed(&two, RECORD_CLEAR, 0, 0);
    feed(&one, RECORD_REALLOC_BEGIN, 0x3000, 0);
    assert_domain(DOMAIN_HEAP, 0, 0, 0, 0);
}

/* While recording is off a realloc counts if its old block did. */
static void test_paused(void **unused)
{
    (void)unused;
    alloc(0x1000, 100);
    sized(&one, RECORD_MMAP, 0x10000, 0x2000, 0, 0);
    feed(&one, RECORD_FREE, 0x9000, 0);
    assert_int_equal(m.unknown_frees, 1); /* that one is a surprise */
    feed(&one, RECORD_TRACING, 0, 0);
    sized(&one, RECORD_REALLOC, 0x2000, 150, 0x1000, RECORD_PAUSED);
    sized(&one, RECORD_REALLOC, 0x4000, 999, 0x3000, RECORD_PAUSED);
    assert_domain(DOMAIN_HEAP, 150, 1, 250, 150);
    feed(&two, RECORD_REALLOC_BEGIN, 0x2000, 0);
    sized(&two, RECORD_REALLOC_END, 0x2000, 20, 0, RECORD_PAUSED);
    feed(&two, RECORD_REALLOC_BEGIN, 0x5000, 0);
    sized(&two, RECORD_REALLOC_END, 0x5000, 777, 0, RECORD_PAUSED);
    feed(&two, RECORD_REALLOC_BEGIN, 0x6000, 0);
    feed(&two, RECORD_REALLOC_FAIL, 0x6000, 0);
    assert_domain(DOMAIN_HEAP, 20, 1, 270, 150);
    sized(&one, RECORD_DOMAIN_REALLOC, 0x1000, 64, 0x2000 | (uint64_t)SLAB << 48, RECORD_PAUSED);
    assert_domain(SLAB, 0, 0, 0, 0);
    sized(&one, RECORD_MMAP, 0x11000, 0x4000, 0, RECORD_PAUSED); /* over the end of the first */
    assert_domain(DOMAIN_MMAP, 0x1000, 1, 0x2000, 0x2000);
    feed(&one, RECORD_TRACING, 1, 0);
    feed(&one, RECORD_FREE, 0x4000, 0);
    feed(&one, RECORD_FREE, 0x2000, 0);
    assert_domain(DOMAIN_HEAP, 0, 0, 270, 150);
    assert_int_equal(m.unknown_frees, 1);
    assert_int_equal(m.untracked_frees, 4);
}

static void test_paused_mremap(void **unused)
{
    struct model_event e = event(&one, RECORD_MREMAP, 0x50000, RECORD_PAUSED);

    (void)unused;
    sized(&one, RECORD_MMAP, 0x10000, 0x1000, 0, 0);
    e.rest[0] = 0x3000;
    e.rest[1] = 0x10000;
    e.rest[2] = 0x1000;
    model_apply(&m, &e, 1);
    assert_domain(DOMAIN_MMAP, 0x3000, 1, 0x4000, 0x3000);
    e.rest[1] = 0x90000; /* not known */
    e.word0 += 0x10000;
    model_apply(&m, &e, 1);
    assert_domain(DOMAIN_MMAP, 0x3000, 1, 0x4000, 0x3000);
}

static void test_reset_peak(void **unused)
{
    uint64_t peak = 0;

    (void)unused;
    alloc(0x1000, 100);
    alloc(0x2000, 1000);
    feed(&one, RECORD_FREE, 0x2000, 0);
    feed(&one, RECORD_RESET_PEAK, 0, 0);
    assert_domain(DOMAIN_HEAP, 100, 1, 1100, 100);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_blocks, 1);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_time, now);
    alloc(0x2000, 50);
    feed(&one, RECORD_FREE, 0x2000, 0);
    feed(&one, RECORD_FREE, 0x1000, 0);
    assert_domain(DOMAIN_HEAP, 0, 0, 1150, 150);
    model_finish(&m, now);
    for (uint32_t i = 1; i < m.sites.count; i++)
        peak += m.sites.sites[i].peak_bytes;
    assert_int_equal(peak, 150);
}

/* Where nothing comes after it, every stack's peak is what it holds now. */
static void test_reset_peak_only(void **unused)
{
    uint64_t peak = 0;

    (void)unused;
    alloc(0x1000, 100);
    alloc(0x2000, 1000);
    feed(&one, RECORD_FREE, 0x2000, 0);
    feed(&one, RECORD_RESET_PEAK, 0, 0);
    model_finish(&m, now);
    assert_int_equal(m.totals[DOMAIN_HEAP].peak_bytes, 100);
    for (uint32_t i = 1; i < m.sites.count; i++)
        peak += m.sites.sites[i].peak_bytes;
    assert_int_equal(peak, 100);
}

/* With the clock that the record brings along, if it can be true. */
static void test_snapshot(void **unused)
{
    (void)unused;
    alloc(0x1000, 100);
    text(&one, "a label of more than thirty-two bytes, in two pieces");
    feed(&one, RECORD_SNAPSHOT, 52, now + 500);
    assert_int_equal(seen.snapshots, 1);
    assert_string_equal(seen.label, "a label of more than thirty-two bytes, in two pieces");
    assert_int_equal(seen.time, now + 499);
    assert_int_equal(seen.live_bytes, 100);
    feed(&one, RECORD_SNAPSHOT, 0, UINT64_MAX);
    assert_int_equal(seen.snapshots, 2);
    assert_string_equal(seen.label, "");
    assert_true(seen.time < now + 1000);
    assert_int_equal(m.damaged_records, 0);
}

/* Every event before it is applied and none after, also within a batch. */
static void test_order(void **unused)
{
    struct model_event events[4];

    (void)unused;
    for (unsigned i = 0; i < 4; i++) {
        events[i] =
            event(&one, i == 2 ? RECORD_QUERY : RECORD_ALLOC, i == 2 ? 1 : 0x1000 * (i + 1), 0);
        events[i].rest[0] = i == 2 ? 77 : 10;
    }
    model_apply(&m, events, 4);
    assert_int_equal(seen.queries, 1);
    assert_int_equal(seen.live_bytes, 20);
    assert_int_equal(seen.slot, 4);
    assert_int_equal(seen.what, QUERY_OVERHEAD);
    assert_int_equal(seen.sequence, 77);
    assert_domain(DOMAIN_HEAP, 30, 3, 30, 30);
}

/* Nobody listens. */
static void test_no_hooks(void **unused)
{
    (void)unused;
    m.hooks = (struct model_hooks){0};
    feed(&one, RECORD_QUERY, 0, 1);
    feed(&one, RECORD_SNAPSHOT, 0, 1);
    assert_int_equal(m.damaged_records, 0);
}

static void test_marks(void **unused)
{
    (void)unused;
    alloc(0x1000, 100);
    text(&one, "one's");
    piece(&two, 0, "two's"); /* between the text and its mark */
    feed(&one, RECORD_MARK, 5, now + 100);
    feed(&two, RECORD_MARK, 5, 0);
    assert_int_equal(m.marks.count, 2);
    assert_string_equal(m.marks.labels.bytes + m.marks.labels.offsets[m.marks.rows[0].label],
                        "one's");
    assert_string_equal(m.marks.labels.bytes + m.marks.labels.offsets[m.marks.rows[1].label],
                        "two's");
    assert_int_equal(m.marks.rows[0].live_bytes, 100);
    assert_int_equal(m.marks.rows[0].live_blocks, 1);
    assert_int_equal(m.marks.rows[1].thread, two.row);
    assert_true(m.marks.rows[1].time >= m.marks.rows[0].time);
}

static void test_regions(void **state)
{
    const uint64_t large = UINT64_C(5) << 32 | 7;

    (void)state;
    region(0x1000, 64, REGION_ROOT_ADD, 0);
    region(0x1000, 32, REGION_WEAK_ADD, 0);
    region(0x9000, large, REGION_WEAK_ADD, RECORD_BIG);
    assert_int_equal(m.regions.count, 3);
    assert_int_equal(m.regions.rows[0].size, 64);
    assert_false(m.regions.rows[0].weak);
    assert_true(m.regions.rows[1].weak);
    assert_int_equal(m.regions.rows[2].start, 0x9000);
    assert_int_equal(m.regions.rows[2].size, large);
    region(0x1000, 0, REGION_ROOT_REMOVE, 0);
    region(0x1000, 0, REGION_ROOT_REMOVE, 0); /* there is none any more */
    assert_int_equal(m.regions.count, 2);
    region(0x1000, 0, REGION_WEAK_REMOVE, 0);
    assert_int_equal(m.regions.count, 1);
    assert_int_equal(m.damaged_records, 0);
    region(0x9000, 1, REGION_WHATS, 0);
    region(0x9000, 1, UINT64_MAX, 0);
    assert_int_equal(m.damaged_records, 2);
    assert_int_equal(m.regions.count, 1);
    assert_int_equal(m.totals[DOMAIN_HEAP].total_blocks, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_domains),       TEST(test_domain_temporary),
        TEST(test_domain_damage), TEST(test_ignore),
        TEST(test_clear),         TEST(test_clear_in_realloc),
        TEST(test_paused),        TEST(test_paused_mremap),
        TEST(test_reset_peak),    TEST(test_reset_peak_only),
        TEST(test_snapshot),      TEST(test_order),
        TEST(test_no_hooks),      TEST(test_marks),
        TEST(test_regions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
