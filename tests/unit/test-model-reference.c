/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model against one that is too simple to be wrong: arrays that are searched
 * from end to end, and a copy of all sites at every new peak.  Both are fed the
 * same random records of all kinds, lost ones, stops and clearings among them.
 */
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

#define SEEDS 6u
#define EVENTS 200000u /* a seed */
#define THREADS 3u
#define STACKS 8u /* nodes_max; one more is tried, which is damage */
#define CLASSES 32u
#define DOMAINS 6u /* the built-in ones, and three of the program */
#define PLACES 96u /* addresses of blocks */
#define PLACE_BYTES 16u
#define FIRST_PLACE UINT64_C(0x100000)
#define PAGE UINT64_C(4096)
#define UNIT UINT64_C(256) /* what the program break moves by */
#define FIRST_UNIT UINT64_C(0x40000000)
#define UNITS 1536u       /* of memory that mappings may take; */
#define BREAK_UNITS 1280u /* the break is above this */

/* ------------------------------------------------------ the simple model -- */

struct simple_site {
    uint64_t live_bytes, live_blocks, total_bytes, total_blocks;
    uint64_t temporary_bytes, temporary_blocks, smallest, largest, first_time, last_time;
};

/* By stack, thread and class. */
typedef struct simple_site simple_sites[STACKS][THREADS][CLASSES];

struct simple_domain {
    simple_sites sites, at_peak;
    uint64_t live_bytes, live_blocks, peak_bytes, peak_blocks, peak_time;
};

struct simple_block {
    bool known;
    uint32_t domain, stack, thread, order; /* `order`: of its thread's allocations */
    uint64_t size;
};

struct simple_thread {
    uint32_t heap_order, pool_order;
    bool holds;                                       /* in a realloc, */
    enum { NOT_COUNTED, UNKNOWN, UNTRACKED } counted; /* of a block never seen */
    struct simple_block held;
};

static struct simple {
    struct simple_domain domains[DOMAINS];
    struct simple_block heap[PLACES], pools[DOMAINS][PLACES];
    uint32_t unit_owner[UNITS]; /* 0: not mapped */
    uint32_t mappings;
    struct simple_block mapping[EVENTS + 2]; /* by owner */
    struct simple_thread threads[THREADS];
    uint64_t unknown_frees, untracked_frees, replaced, failed, damaged;
    bool partial;
} ref;

static struct simple_site *site_of(const struct simple_block *b)
{
    uint32_t class = b->domain == DOMAIN_MMAP ? 0 : sizeclass_of(b->size);

    assert_true(class < CLASSES);
    return &ref.domains[b->domain].sites[b->stack][b->thread][class];
}

static void simple_total(const struct simple_block *b, uint64_t time)
{
    struct simple_site *s = site_of(b);

    if (!s->total_blocks)
        *s = (struct simple_site){.first_time = time, .smallest = UINT64_MAX};
    s->last_time = time;
    s->total_bytes += b->size;
    s->total_blocks++;
    s->smallest = b->size < s->smallest ? b->size : s->smallest;
    s->largest = b->size > s->largest ? b->size : s->largest;
}

static void simple_live(const struct simple_block *b, uint64_t time)
{
    struct simple_domain *d = &ref.domains[b->domain];

    site_of(b)->live_bytes += b->size;
    site_of(b)->live_blocks++;
    d->live_bytes += b->size;
    d->live_blocks++;
    if (d->live_bytes <= d->peak_bytes)
        return;
    d->peak_bytes = d->live_bytes;
    d->peak_blocks = d->live_blocks;
    d->peak_time = time;
    memcpy(d->at_peak, d->sites, sizeof(d->sites));
}

static void simple_alloc(const struct simple_block *b, uint64_t time)
{
    simple_total(b, time); /* first: it makes the site */
    simple_live(b, time);
}

static void simple_gone(const struct simple_block *b, uint64_t bytes, uint64_t blocks)
{
    struct simple_domain *d = &ref.domains[b->domain];

    site_of(b)->live_bytes -= bytes;
    site_of(b)->live_blocks -= blocks;
    d->live_bytes -= bytes;
    d->live_blocks -= blocks;
}

static void simple_unknown(void)
{
    *(ref.partial ? &ref.untracked_frees : &ref.unknown_frees) += 1;
}

/* Freed by `thread`, whose allocations of that sort have come to `order`. */
static void simple_free(const struct simple_block *b, uint32_t thread, uint32_t order)
{
    simple_gone(b, b->size, 1);
    if (b->thread == thread && b->order == order) {
        site_of(b)->temporary_bytes += b->size;
        site_of(b)->temporary_blocks++;
    }
}

static void simple_put(struct simple_block *place, const struct simple_block *b)
{
    if (place->known) {
        ref.replaced++;
        simple_gone(place, place->size, 1);
    }
    *place = *b;
    place->known = true;
}

/* `ignored`: what it replaces was. */
static void simple_heap_new(uint32_t place, struct simple_block b, bool ignored, uint64_t time)
{
    b.order = ++ref.threads[b.thread].heap_order;
    b.domain = ignored ? DOMAIN_IGNORED : DOMAIN_HEAP;
    simple_put(&ref.heap[place], &b);
    simple_alloc(&b, time);
    b.domain = DOMAIN_HEAP;
    if (ignored)
        simple_total(&b, time);
}

static void simple_pool_new(uint32_t place, struct simple_block b, uint64_t time)
{
    b.order = ++ref.threads[b.thread].pool_order;
    simple_put(&ref.pools[b.domain][place], &b);
    simple_alloc(&b, time);
}

/* false: unknown. */
static bool simple_heap_free(uint32_t place, uint32_t thread)
{
    bool known = ref.heap[place].known;

    if (known)
        simple_free(&ref.heap[place], thread, ref.threads[thread].heap_order);
    else
        simple_unknown();
    ref.heap[place].known = false;
    return known;
}

static bool simple_pool_free(uint32_t domain, uint32_t place, uint32_t thread)
{
    struct simple_block *b = &ref.pools[domain][place];
    bool known = b->known;

    if (known)
        simple_free(b, thread, ref.threads[thread].pool_order);
    else
        simple_unknown();
    b->known = false;
    return known;
}

static void simple_realloc_begin(uint32_t place, uint32_t thread)
{
    struct simple_thread *t = &ref.threads[thread];

    if (t->holds) /* its end was lost */
        simple_free(&t->held, thread, t->heap_order);
    t->held = ref.heap[place];
    t->holds = t->held.known;
    t->counted = t->holds ? NOT_COUNTED : ref.partial ? UNTRACKED : UNKNOWN;
    if (!t->holds)
        simple_unknown();
    ref.heap[place].known = false;
}

static void simple_realloc_end(uint32_t place, struct simple_block b, bool paused, uint64_t time)
{
    struct simple_thread *t = &ref.threads[b.thread];
    bool held = t->holds;

    if (held)
        simple_free(&t->held, b.thread, t->heap_order);
    t->holds = false;
    t->counted = NOT_COUNTED;
    if (held || !paused)
        simple_heap_new(place, b, held && t->held.domain == DOMAIN_IGNORED, time);
}

static void simple_realloc_fail(uint32_t place, uint32_t thread)
{
    struct simple_thread *t = &ref.threads[thread];

    if (t->holds)
        simple_put(&ref.heap[place], &t->held);
    else if (t->counted == UNKNOWN)
        ref.unknown_frees--;
    else if (t->counted == UNTRACKED)
        ref.untracked_frees--;
    t->holds = false;
    t->counted = NOT_COUNTED;
}

static bool owner_has_units(uint32_t owner)
{
    for (uint32_t i = 0; i < UNITS; i++)
        if (ref.unit_owner[i] == owner)
            return true;
    return false;
}

/* Returns whether anything of it was known. */
static bool simple_unmap(uint32_t first, uint32_t end)
{
    bool any = false;

    for (uint32_t i = first; i < end && i < UNITS; i++) {
        uint32_t owner = ref.unit_owner[i];

        if (!owner)
            continue;
        any = true;
        ref.unit_owner[i] = 0;
        simple_gone(&ref.mapping[owner], UNIT, !owner_has_units(owner));
    }
    return any;
}

static void simple_map(uint32_t first, uint32_t end, uint32_t stack, uint32_t thread, uint64_t time)
{
    struct simple_block b = {
        .domain = DOMAIN_MMAP, .stack = stack, .thread = thread, .size = (end - first) * UNIT};

    ref.mapping[++ref.mappings] = b;
    for (uint32_t i = first; i < end; i++)
        ref.unit_owner[i] = ref.mappings;
    simple_alloc(&b, time);
}

/* The block that begins at a place, else the smallest that holds it, the last of several. */
static struct simple_block *simple_holder(uint32_t place)
{
    struct simple_block *found = &ref.heap[place];

    for (uint32_t i = 0; !ref.heap[place].known && i < place; i++) {
        struct simple_block *b = &ref.heap[i];

        if (b->known && (uint64_t)(place - i) * PLACE_BYTES < b->size &&
            (!found->known || b->size <= found->size))
            found = b;
    }
    return found;
}

static void simple_ignore(uint32_t place, uint64_t time)
{
    struct simple_block *b = simple_holder(place);

    if (!b->known || b->domain == DOMAIN_IGNORED)
        return;
    simple_gone(b, b->size, 1);
    b->domain = DOMAIN_IGNORED;
    simple_alloc(b, time);
}

static void simple_clear(void)
{
    memset(ref.domains, 0, sizeof(ref.domains));
    memset(ref.heap, 0, sizeof(ref.heap));
    memset(ref.pools, 0, sizeof(ref.pools));
    memset(ref.unit_owner, 0, sizeof(ref.unit_owner));
    for (uint32_t i = 0; i < THREADS; i++)
        ref.threads[i].holds = false;
    ref.failed = 0;
    ref.partial = true;
}

static void simple_reset_peak(uint64_t time)
{
    for (uint32_t i = 0; i < DOMAINS; i++) {
        struct simple_domain *d = &ref.domains[i];

        d->peak_bytes = d->live_bytes;
        d->peak_blocks = d->live_blocks;
        d->peak_time = time;
        memcpy(d->at_peak, d->sites, sizeof(d->sites));
    }
}

/* ------------------------------------------------------- random records -- */

static struct model m;
static struct model_thread threads[THREADS];
static struct model_event batch[MODEL_BATCH];
static uint64_t state, now;
static bool stopped;
static uint32_t break_unit;
static uint32_t actor;          /* whose record comes next */
static uint32_t began[THREADS]; /* places of the reallocs under way */

static uint32_t any(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 20) % below;
}

static uint64_t any_size(void)
{
    return any(200) == 0 ? UINT64_C(1) << 32 | any(4000) : any(8) ? any(300) : any(100000);
}

/* Where a new block can be: a thread is not given the very block that it reallocates. */
static uint32_t any_new_place(void)
{
    uint32_t place = any(PLACES);

    return ref.threads[actor].holds && began[actor] == place ? (place + 1) % PLACES : place;
}

static uint64_t place_address(uint32_t place)
{
    return FIRST_PLACE + (uint64_t)place * PLACE_BYTES;
}

static uint32_t thread_index(const struct model_event *e)
{
    return (uint32_t)(e->thread - threads);
}

static void begin_record(struct model_event *e, uint32_t kind, uint64_t address, uint32_t flags)
{
    *e = (struct model_event){.word0 = address | (uint64_t)flags << RECORD_FLAGS_SHIFT |
                                       (uint64_t)kind << RECORD_KIND_SHIFT,
                              .thread = &threads[actor],
                              .time = ++now};
}

/* The block's description for the simple model. */
static struct simple_block sized_record(struct model_event *e, uint32_t kind, uint64_t address,
                                        uint32_t flags, uint64_t size, const uint64_t extra[2])
{
    uint32_t stack = any(STACKS + 1);
    uint64_t *rest = e->rest;

    begin_record(e, kind, address, flags | (size >> 32 ? RECORD_BIG : 0));
    *rest++ = (uint32_t)size | (uint64_t)stack << 32;
    if (size >> 32)
        *rest++ = size >> 32;
    for (uint32_t i = 0; extra && i < 2 && rest < e->rest + MODEL_REST; i++)
        *rest++ = extra[i];
    return (struct simple_block){.stack = stack < STACKS ? stack : STACK_ROOT_TRUNCATED,
                                 .thread = thread_index(e),
                                 .domain = DOMAIN_HEAP,
                                 .size = size};
}

static void one_alloc(struct model_event *e)
{
    uint32_t place = any_new_place();
    struct simple_block b;

    b = sized_record(e, RECORD_ALLOC, place_address(place), any(9) ? 0 : RECORD_ALIGNED, any_size(),
                     NULL);
    simple_heap_new(place, b, false, now);
}

/* Often of the block that came just before. */
static void one_free(struct model_event *e)
{
    uint32_t place = any(PLACES);

    if (e > batch && any(2))
        place = (uint32_t)((e[-1].word0 & RECORD_ADDRESS_MASK) - FIRST_PLACE) / 16 % PLACES;
    begin_record(e, RECORD_FREE, place_address(place), 0);
    if (e > batch && any(3))
        e->thread = e[-1].thread;
    simple_heap_free(place, thread_index(e));
}

static void one_realloc(struct model_event *e)
{
    uint32_t from = any(PLACES), to = any(3) || ref.threads[actor].holds ? any_new_place() : from;
    uint64_t extra[2] = {place_address(from), 0};
    struct simple_block b = sized_record(e, RECORD_REALLOC, place_address(to),
                                         stopped ? RECORD_PAUSED : 0, any_size(), extra);
    bool ignored = ref.heap[from].domain == DOMAIN_IGNORED;

    if (simple_heap_free(from, b.thread))
        simple_heap_new(to, b, ignored, now);
    else if (!stopped)
        simple_heap_new(to, b, false, now);
}

static void one_realloc_part(struct model_event *e)
{
    uint32_t place = any(PLACES), thread;
    struct simple_block b;

    switch (any(5)) {
    case 0:
    case 1:
        begin_record(e, RECORD_REALLOC_BEGIN, place_address(place), 0);
        thread = thread_index(e);
        began[thread] = place;
        simple_realloc_begin(place, thread);
        break;
    case 2:
    case 3:
        b = sized_record(e, RECORD_REALLOC_END, place_address(place), stopped ? RECORD_PAUSED : 0,
                         any_size(), NULL);
        simple_realloc_end(place, b, stopped, now);
        break;
    default:
        begin_record(e, RECORD_REALLOC_FAIL, 0, 0);
        thread = thread_index(e);
        place = began[thread];
        e->word0 |= place_address(place);
        if (ref.heap[place].known) { /* nobody else can have been given the address */
            begin_record(e, RECORD_FREE, place_address(place), 0);
            simple_heap_free(place, thread_index(e));
        } else {
            simple_realloc_fail(place, thread);
        }
    }
}

static void one_pool(struct model_event *e)
{
    uint32_t place = any(PLACES), from = any(PLACES), domain = DOMAIN_BUILTIN + any(3);
    uint64_t extra[2] = {domain, 0};
    struct simple_block b;

    switch (any(3)) {
    case 0:
        b = sized_record(e, RECORD_DOMAIN_ALLOC, place_address(place), 0, any_size(), extra);
        b.domain = domain;
        simple_pool_new(place, b, now);
        break;
    case 1:
        begin_record(e, RECORD_DOMAIN_FREE, place_address(place), 0);
        e->rest[0] = domain;
        simple_pool_free(domain, place, thread_index(e));
        break;
    default:
        extra[0] = place_address(from) | (uint64_t)domain << 48;
        b = sized_record(e, RECORD_DOMAIN_REALLOC, place_address(place),
                         stopped ? RECORD_PAUSED : 0, any_size(), extra);
        b.domain = domain;
        if (simple_pool_free(domain, from, b.thread) || !stopped)
            simple_pool_new(place, b, now);
    }
}

/* A range of whole pages below the break: its first unit; `*units` of it. */
static uint32_t any_range(uint32_t *units)
{
    uint32_t pages = (uint32_t)(BREAK_UNITS * UNIT / PAGE), first = any(pages);

    *units = (1 + any(pages - first < 12 ? pages - first : 12)) * (uint32_t)(PAGE / UNIT);
    return first * (uint32_t)(PAGE / UNIT);
}

static void one_mapping(struct model_event *e)
{
    uint32_t had, wanted, from = any_range(&had), to = any_range(&wanted);
    uint64_t extra[2] = {FIRST_UNIT + from * UNIT, had * UNIT - any(PAGE)};
    uint32_t flags = stopped ? RECORD_PAUSED : 0;
    struct simple_block b;
    bool known = !stopped;

    switch (any(3)) {
    case 0:
        b = sized_record(e, RECORD_MMAP, FIRST_UNIT + to * UNIT, flags, wanted * UNIT - any(PAGE),
                         NULL);
        break;
    case 1:
        begin_record(e, RECORD_MUNMAP, FIRST_UNIT + to * UNIT, 0);
        e->rest[0] = wanted * UNIT - any(PAGE);
        simple_unmap(to, to + wanted);
        return;
    default:
        b = sized_record(e, RECORD_MREMAP, FIRST_UNIT + to * UNIT, flags, wanted * UNIT - any(PAGE),
                         extra);
        known |= simple_unmap(from, from + had);
    }
    simple_unmap(to, to + wanted);
    if (known)
        simple_map(to, to + wanted, b.stack, b.thread, now);
}

static void one_break(struct model_event *e)
{
    uint32_t to = BREAK_UNITS + any(UNITS - BREAK_UNITS);
    uint64_t extra[2] = {FIRST_UNIT + break_unit * UNIT, 0};
    struct simple_block b = sized_record(e, RECORD_BREAK, FIRST_UNIT + to * UNIT,
                                         stopped ? RECORD_PAUSED : 0, 0, extra);

    if (to < break_unit)
        simple_unmap(to, break_unit);
    else
        simple_unmap(break_unit, to);
    if (to > break_unit && !stopped)
        simple_map(break_unit, to, b.stack, b.thread, now);
    break_unit = to;
}

static void one_request(struct model_event *e)
{
    uint32_t place = any(PLACES);

    switch (any(40)) {
    case 0:
        begin_record(e, any(5) ? RECORD_RESET_PEAK : RECORD_CLEAR, 0, 0);
        if (e->word0 >> RECORD_KIND_SHIFT == RECORD_CLEAR)
            simple_clear();
        else
            simple_reset_peak(now);
        break;
    case 1:
    case 2:
        stopped = !stopped && any(2);
        ref.partial |= stopped;
        begin_record(e, RECORD_TRACING, !stopped, 0);
        break;
    case 3:
        begin_record(e, RECORD_MARK, 0, 0);
        e->rest[0] = now;
        break;
    case 4:
        begin_record(e, RECORD_SNAPSHOT, 0, 0);
        e->rest[0] = now;
        break;
    case 5:
        begin_record(e, RECORD_QUERY, QUERY_TRACED, 0);
        break;
    case 6:
        begin_record(e, RECORD_TEXT, TEXT_BYTES_MAX, 0); /* a piece whose beginning was lost */
        ref.damaged++;
        break;
    case 7:
        begin_record(e, RECORD_KINDS + any(9), place_address(place), 0);
        ref.damaged++;
        break;
    case 8:
        sized_record(e, RECORD_FAILED, 0, 0, any_size(), NULL);
        ref.failed++;
        break;
    default:
        begin_record(e, RECORD_IGNORE, place_address(place), 0);
        simple_ignore(place, now);
    }
}

static void one_event(struct model_event *e)
{
    uint32_t what = any(100);

    actor = any(THREADS);
    if (what < 34 && (!stopped || any(50) == 0))
        one_alloc(e);
    else if (what < 62)
        one_free(e);
    else if (what < 68)
        one_realloc(e);
    else if (what < 78)
        one_realloc_part(e);
    else if (what < 90)
        one_pool(e);
    else if (what < 94)
        one_mapping(e);
    else if (what < 95)
        one_break(e);
    else
        one_request(e);
}

/* ------------------------------------------------------------ comparison -- */

static void compare_site(const struct site *site, const struct simple_domain *d, uint64_t epoch)
{
    const struct simple_site *s = &d->sites[site->node][site->thread - threads[0].row][site->class];
    const struct simple_site *p =
        &d->at_peak[site->node][site->thread - threads[0].row][site->class];

    assert_int_equal(site->live_bytes, s->live_bytes);
    assert_int_equal(site->live_blocks, s->live_blocks);
    assert_int_equal(site->total_bytes, s->total_bytes);
    assert_int_equal(site->total_blocks, s->total_blocks);
    assert_int_equal(site->temporary_bytes, s->temporary_bytes);
    assert_int_equal(site->temporary_blocks, s->temporary_blocks);
    assert_int_equal(site->epoch == epoch ? site->peak_bytes : site->live_bytes, p->live_bytes);
    assert_int_equal(site->epoch == epoch ? site->peak_blocks : site->live_blocks, p->live_blocks);
    if (!s->total_blocks)
        return;
    assert_int_equal(site->smallest, s->smallest);
    assert_int_equal(site->largest, s->largest);
    assert_int_equal(site->first_time, s->first_time);
    assert_int_equal(site->last_time, s->last_time);
}

/* The domain's numbers, and that those of its sites make them up. */
static void compare_domain(uint32_t domain)
{
    const struct model_totals *t = &m.totals[domain];
    const struct simple_domain *d = &ref.domains[domain];
    struct site sum = {0};

    assert_int_equal(t->live_bytes, d->live_bytes);
    assert_int_equal(t->live_blocks, d->live_blocks);
    assert_int_equal(t->peak_bytes, d->peak_bytes);
    assert_int_equal(t->peak_blocks, d->peak_blocks);
    assert_int_equal(t->peak_time, d->peak_time);
    for (uint32_t i = 1; i < m.sites.count; i++) {
        const struct site *site = &m.sites.sites[i];

        if (site->domain != domain)
            continue;
        compare_site(site, d, t->epoch);
        sum.live_bytes += site->live_bytes;
        sum.live_blocks += site->live_blocks;
        sum.peak_bytes += site->epoch == t->epoch ? site->peak_bytes : site->live_bytes;
        sum.peak_blocks += site->epoch == t->epoch ? site->peak_blocks : site->live_blocks;
        sum.total_bytes += site->total_bytes;
        sum.total_blocks += site->total_blocks;
        sum.temporary_bytes += site->temporary_bytes;
        sum.temporary_blocks += site->temporary_blocks;
    }
    assert_int_equal(sum.live_bytes, t->live_bytes);
    assert_int_equal(sum.live_blocks, t->live_blocks);
    assert_int_equal(sum.peak_bytes, t->peak_bytes);
    assert_int_equal(sum.peak_blocks, t->peak_blocks);
    assert_int_equal(sum.total_bytes, t->total_bytes);
    assert_int_equal(sum.total_blocks, t->total_blocks);
    assert_int_equal(sum.temporary_bytes, t->temporary_bytes);
    assert_int_equal(sum.temporary_blocks, t->temporary_blocks);
}

static void compare(void)
{
    for (uint32_t i = 0; i < DOMAINS; i++)
        compare_domain(i);
    assert_int_equal(m.unknown_frees, ref.unknown_frees);
    assert_int_equal(m.untracked_frees, ref.untracked_frees);
    assert_int_equal(m.replaced_blocks, ref.replaced);
    assert_int_equal(m.failed_blocks, ref.failed);
    assert_int_equal(m.damaged_records, ref.damaged);
    assert_int_equal(m.partial, ref.partial);
    assert_int_equal(m.events_lost, 0);
}

static void run_seed(uint64_t seed)
{
    uint32_t done = 0, next = 0;

    state = seed * UINT64_C(0x9e3779b97f4a7c15);
    now = 1000;
    stopped = false;
    break_unit = BREAK_UNITS;
    memset(&ref, 0, sizeof(ref));
    model_init(&m, STACKS, now, 1000);
    for (uint32_t i = 0; i < THREADS; i++)
        threads[i] = (struct model_thread){.row = threads_add(&m.threads, i + 1, "thread")};
    while (done < EVENTS) {
        uint32_t count = 1 + any(MODEL_BATCH);

        for (uint32_t i = 0; i < count; i++)
            one_event(&batch[i]);
        model_apply(&m, batch, count);
        done += count;
        if (done < next)
            continue;
        next = done + 200;
        compare();
    }
    compare();
    model_release(&m);
}

static void test_random(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
