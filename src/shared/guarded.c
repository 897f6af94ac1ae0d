/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/guarded.h"

#include "src/shared/block.h"
#include "src/shared/guarded-head.h"
#include "src/shared/quarantine.h"

#include <string.h>

#define LARGE_PLACES ((size_t)1 << 22)

struct guarded_setup guarded_setup;
struct address_set guarded_large;

static struct quarantine quarantine;
static _Atomic uint64_t serials, faults;
static _Atomic uint32_t walkers;
static _Atomic(struct guarded_head *) deferred; /* memory to be given back when nobody walks */

bool guarded_init(const struct guarded_setup *setup)
{
    guarded_setup = *setup;
    return address_set_init(&guarded_large, LARGE_PLACES);
}

void guarded_report(const struct guarded_head *h, struct guarded_fault *fault, uint32_t stack)
{
    if (h) {
        fault->block = guarded_block(h);
        fault->size = h->size;
        fault->serial = h->serial;
        fault->allocated_at = h->allocated_at;
        fault->freed_at = h->freed_at;
    }
    fault->noticed_at = stack;
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&faults, 1, memory_order_relaxed);
    guarded_setup.report(fault);
}

/* ------------------------------------------------------------ checking -- */

/* Report the first byte of `bytes` that is not `value`, and put it right. */
static bool all_are(struct guarded_head *h, uint8_t *bytes, size_t count, uint8_t value,
                    enum guarded_kind kind, uint32_t stack)
{
    struct guarded_fault fault = {.kind = kind};

    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == value)
            continue;
        fault.offset = bytes + i - guarded_block(h);
        fault.found = bytes[i];
        memset(bytes + i, value, count - i);
        guarded_report(h, &fault, stack);
        return false;
    }
    return true;
}

bool guarded_intact(struct guarded_head *h, bool freed, uint32_t stack)
{
    uint8_t *block = guarded_block(h);
    bool intact =
        all_are(h, h->guard, sizeof(h->guard), GUARDED_FORBIDDEN, GUARDED_UNDERRUN, stack);

    intact &=
        all_are(h, block + h->size, GUARDED_TAIL_BYTES, GUARDED_FORBIDDEN, GUARDED_OVERRUN, stack);
    if (freed)
        intact &= all_are(h, block, h->size, GUARDED_DEAD, GUARDED_USE_AFTER_FREE, stack);
    return intact;
}

/* ---------------------------------------------------- memory underneath -- */

static struct guarded_head *memory_get(size_t size, size_t alignment)
{
    size_t offset = GUARDED_HEAD_BYTES, bytes;
    struct guarded_head *h;
    char *memory;

    if (alignment > 16)
        offset = (GUARDED_HEAD_BYTES + alignment - 1) & ~(alignment - 1);
    if (__builtin_add_overflow(size, offset + GUARDED_TAIL_BYTES, &bytes))
        return NULL;
    if (alignment <= POOL_STEP && block_fits(bytes)) {
        h = block_alloc(bytes);
        if (h)
            return h;
    }
    memory = guarded_setup.get(alignment > 16 ? alignment : 16, bytes);
    if (!memory)
        return NULL;
    h = (struct guarded_head *)(void *)(memory + offset) - 1;
    h->offset = offset;
    return h;
}

static void put_large(struct guarded_head *h)
{
    guarded_setup.put((char *)guarded_block(h) - h->offset);
}

static void put_deferred(void)
{
    /* acquire: pairs with defer */
    struct guarded_head *h = atomic_exchange_explicit(&deferred, NULL, memory_order_acquire);

    while (h) {
        struct guarded_head *next = h->next;

        h->offset = h->size;
        put_large(h);
        h = next;
    }
}

static void defer(struct guarded_head *h)
{
    struct guarded_head *head = atomic_load_explicit(&deferred, memory_order_relaxed);

    h->size = h->offset; /* the link takes its place */
    do {
        h->next = head;
        /* release: the link */
    } while (!atomic_compare_exchange_weak_explicit(&deferred, &head, h, memory_order_release,
                                                    memory_order_relaxed));
}

void guarded_let_go(struct guarded_head *h)
{
    if (block_free(h))
        return;
    address_set_remove(&guarded_large, h);
    /*
     * seq_cst, with address_set_remove and guarded_walk_begin: either the walker does
     * not find the head any more, or we find the walker
     */
    if (atomic_load_explicit(&walkers, memory_order_seq_cst) == 0) {
        if (atomic_load_explicit(&deferred, memory_order_relaxed))
            put_deferred();
        put_large(h);
    } else {
        defer(h);
    }
}

void guarded_walk_begin(void)
{
    /* seq_cst: see guarded_let_go */
    atomic_fetch_add_explicit(&walkers, 1, memory_order_seq_cst);
    arena_walk_begin();
}

void guarded_walk_end(void)
{
    arena_walk_end();
    /* release: our reads come before what is done to the memory */
    atomic_fetch_sub_explicit(&walkers, 1, memory_order_release);
}

/* ---------------------------------------------------------- allocating -- */

void *guarded_alloc(size_t size, size_t alignment, bool zeroed, uint32_t stack)
{
    struct guarded_head *h = memory_get(size, alignment);
    uint8_t *block;

    if (!h)
        return NULL;
    block = guarded_block(h);
    h->size = size;
    /* relaxed: only a number of its own */
    h->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    h->allocated_at = stack;
    h->freed_at = 0;
    memset(h->guard, GUARDED_FORBIDDEN, sizeof(h->guard));
    memset(block, zeroed ? 0 : (int)GUARDED_CLEAN, size);
    memset(block + size, GUARDED_FORBIDDEN, GUARDED_TAIL_BYTES);
    /* release: all of that is there when the state says so, see guarded_is */
    atomic_store_explicit(&h->state, guarded_state(h, STATE_LIVE), memory_order_release);
    if (!block_owned(h))
        address_set_add(&guarded_large, h);
    return block;
}

/* -------------------------------------------------------------- freeing -- */

/* The head that a block in the pools would have, or NULL: no block begins there. */
static struct guarded_head *head_in_pool(const void *block)
{
    uintptr_t at = (uintptr_t)block - GUARDED_HEAD_BYTES;
    const struct pool *p = pool_of((void *)at);

    if (pool_base((void *)at) != pool_base(block) || pool_word(p) == 0 ||
        pool_number(p, (void *)at) >= p->carved)
        return NULL;
    return (struct guarded_head *)at;
}

/* NULL: none of ours.  Reads nothing that may not be ours. */
static struct guarded_head *head_of(const void *block)
{
    struct guarded_head *h = (struct guarded_head *)((uintptr_t)block - GUARDED_HEAD_BYTES);

    if ((uintptr_t)block % POOL_STEP)
        return NULL;
    if (block_owned(block))
        return head_in_pool(block);
    if (address_set_has(&guarded_large, h))
        return h;
    /* where the set had no room the head has to speak for itself */
    if (atomic_load_explicit(&guarded_large.refused, memory_order_relaxed) &&
        guarded_is(h, STATE_LIVE))
        return h;
    return NULL;
}

/* The head was written over: nothing in it can be believed. */
static void report_head(const void *block, uint32_t stack)
{
    struct guarded_fault fault = {.kind = GUARDED_UNDERRUN,
                                  .block = block,
                                  .offset = -(int64_t)GUARDED_HEAD_BYTES,
                                  .found = *((const uint8_t *)block - GUARDED_HEAD_BYTES)};

    guarded_report(NULL, &fault, stack);
}

/* The live block there, or NULL and a report. */
static struct guarded_head *expect_live(const void *block, uint32_t stack)
{
    struct guarded_head *h = head_of(block);
    struct guarded_fault fault = {.kind = GUARDED_FOREIGN, .block = block};

    if (h && guarded_is(h, STATE_LIVE))
        return h;
    if (h && guarded_is(h, STATE_FREED)) {
        fault.kind = GUARDED_DOUBLE_FREE;
        guarded_report(h, &fault, stack);
    } else if (h) {
        report_head(block, stack);
    } else {
        guarded_report(NULL, &fault, stack);
    }
    return NULL;
}

static void retire(struct guarded_head *h, uint32_t stack)
{
    guarded_intact(h, true, stack);
    guarded_let_go(h);
}

static bool bury(struct guarded_head *h, uint32_t stack)
{
    uint32_t live = guarded_state(h, STATE_LIVE);

    guarded_intact(h, false, stack);
    h->freed_at = stack;
    /* acq_rel: of two threads that free it one is told so */
    if (!atomic_compare_exchange_strong_explicit(&h->state, &live, guarded_state(h, STATE_FREED),
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        struct guarded_fault fault = {.kind = GUARDED_DOUBLE_FREE};

        guarded_report(h, &fault, stack);
        return false;
    }
    memset(guarded_block(h), GUARDED_DEAD, h->size);
    if (h->size <= GUARDED_QUARANTINE_LARGEST)
        h = quarantine_put(&quarantine, h);
    if (h)
        retire(h, stack);
    return true;
}

bool guarded_free(void *block, uint32_t stack)
{
    struct guarded_head *h = expect_live(block, stack);

    return h && bury(h, stack);
}

void guarded_expect_size(const void *block, size_t size, uint32_t stack)
{
    struct guarded_fault fault = {.kind = GUARDED_WRONG_SIZE, .given = size};
    const struct guarded_head *h = head_of(block);

    if (h && guarded_is(h, STATE_LIVE) && h->size != size)
        guarded_report(h, &fault, stack);
}

bool guarded_free_sized(void *block, size_t size, uint32_t stack)
{
    struct guarded_head *h = expect_live(block, stack);

    if (!h)
        return false;
    guarded_expect_size(block, size, stack);
    return bury(h, stack);
}

void *guarded_realloc(void *block, size_t size, uint32_t stack)
{
    struct guarded_head *h = expect_live(block, stack);
    void *moved;

    if (!h)
        return NULL;
    moved = guarded_alloc(size, 16, false, stack);
    if (!moved)
        return NULL;
    memcpy(moved, block, h->size < size ? h->size : size);
    bury(h, stack);
    return moved;
}

size_t guarded_size(const void *block)
{
    const struct guarded_head *h = head_of(block);

    return h && guarded_is(h, STATE_LIVE) ? h->size : 0;
}

void guarded_flush(uint32_t stack)
{
    for (size_t i = 0; i < GUARDED_QUARANTINE; i++) {
        struct guarded_head *h = quarantine_take(&quarantine, i);

        if (h)
            retire(h, stack);
    }
}

/* Those in quarantine are taken out one at a time, so that nobody lets go of them meanwhile. */
void guarded_check_freed(uint32_t stack)
{
    for (size_t i = 0; i < GUARDED_QUARANTINE; i++) {
        struct guarded_head *h = quarantine_take(&quarantine, i);

        if (!h)
            continue;
        guarded_intact(h, true, stack);
        if (!quarantine_return(&quarantine, i, h))
            guarded_let_go(h);
    }
}

void guarded_totals(struct guarded_totals *totals)
{
    /* relaxed: statistics */
    totals->serials = atomic_load_explicit(&serials, memory_order_relaxed);
    totals->faults = atomic_load_explicit(&faults, memory_order_relaxed);
    totals->unwatched = atomic_load_explicit(&guarded_large.refused, memory_order_relaxed);
}
