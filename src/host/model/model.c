/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/model.h"

#include "src/host/model/account.h"
#include "src/host/model/event.h"
#include "src/host/model/requests.h"
#include "src/host/model/sizeclass.h"
#include "src/host/profile/profile.h"

#include <string.h>
#include <unistd.h>

_Static_assert(MODEL_DOMAINS <= SITES_DOMAINS_MAX && SIZECLASSES <= SITES_CLASSES_MAX &&
                   THREADS_MAX + THREADS_NAMES_MAX < SITES_THREADS_MAX,
               "all that tells the sites of a stack apart fits into one word");

void model_init(struct model *m, uint32_t nodes_max, uint64_t origin, uint64_t tick_interval)
{
    memset(m, 0, sizeof(*m));
    m->nodes_max = nodes_max;
    m->last_time = origin;
    livetable_init(&m->live);
    sites_init(&m->sites);
    threads_init(&m->threads);
    mappings_init(&m->mappings);
    regions_init(&m->regions);
    timeline_init(&m->timeline, origin, tick_interval);
    texts_init(&m->texts);
    marks_init(&m->marks);
    faults_init(&m->faults);
    requests_init(m);
}

void model_release(struct model *m)
{
    livetable_release(&m->live);
    sites_release(&m->sites);
    threads_release(&m->threads);
    mappings_release(&m->mappings);
    regions_release(&m->regions);
    texts_release(&m->texts);
    marks_release(&m->marks);
    faults_release(&m->faults);
    requests_release(m);
}

void model_halve_births(struct model *m)
{
    livetable_halve_births(&m->live);
}

/* ----------------------------------------------------------- the heap -- */

static void heap_release(struct model *m, struct model_thread *thread,
                         const struct livetable_block *block)
{
    struct site *site = &m->sites.sites[block->site];

    account_free(m, site, block->size, 1);
    if (thread->last_address == block->address) {
        /* The same address, but was it this thread that allocated it? */
        if (site->thread == thread->row)
            account_temporary(m, site, block->size);
        thread->last_address = 0;
    }
}

static inline uint32_t heap_site(struct model *m, const struct model_event *e,
                                 const struct sized *r, uint32_t domain)
{
    uint32_t owner = sites_owner(e->thread->row, domain, sizeclass_of(r->size));

    return sites_get(&m->sites, r->stack, owner);
}

/* The block is in the table, which is what the accounts must know; false: it is not. */
static inline bool heap_put(struct model *m, const struct model_event *e, uint64_t size,
                            uint32_t site, uint16_t birth)
{
    struct livetable_block block = {
        .address = event_address(e), .size = size, .site = site, .birth = birth};
    struct livetable_block old;
    enum livetable_result result = LIVETABLE_NO_MEMORY;

    if (__builtin_expect(!block.address, 0)) {
        m->damaged_records++;
        return false;
    }
    if (__builtin_expect(site != 0, 1))
        result = livetable_put(&m->live, e->hash, &block, &old);
    if (__builtin_expect(result != LIVETABLE_ADDED, 0)) {
        if (result == LIVETABLE_NO_MEMORY) {
            m->events_lost++;
            return false;
        }
        m->replaced_blocks++;
        account_free(m, &m->sites.sites[old.site], old.size, 1);
    }
    e->thread->last_address = block.address;
    return true;
}

static void heap_alloc(struct model *m, const struct model_event *e, const struct sized *r,
                       uint16_t birth)
{
    uint32_t site = heap_site(m, e, r, DOMAIN_HEAP);

    if (heap_put(m, e, r->size, site, birth))
        account_alloc(m, &m->sites.sites[site], r->size, e->time);
}

/* What an ignored block became: allocated in the heap, but never live there. */
static void heap_alloc_ignored(struct model *m, const struct model_event *e, const struct sized *r,
                               uint16_t birth)
{
    uint32_t site = heap_site(m, e, r, DOMAIN_HEAP);
    uint32_t ignored = heap_site(m, e, r, DOMAIN_IGNORED);

    if (site && heap_put(m, e, r->size, ignored, birth)) {
        account_total(m, &m->sites.sites[site], r->size, e->time);
        account_alloc(m, &m->sites.sites[ignored], r->size, e->time);
    }
}

enum heap_freed {
    FREED_UNKNOWN, /* there was no such block */
    FREED,
    FREED_IGNORED,
};

/* `birth` is set if there was a block. */
static inline enum heap_freed heap_free(struct model *m, struct model_thread *thread, uint64_t hash,
                                        uint64_t address, uint16_t *birth)
{
    struct livetable_block block;

    if (__builtin_expect(livetable_take(&m->live, hash, address, &block), 1)) {
        heap_release(m, thread, &block);
        *birth = block.birth;
        return m->sites.sites[block.site].domain == DOMAIN_IGNORED ? FREED_IGNORED : FREED;
    }
    account_unknown(m);
    return FREED_UNKNOWN;
}

/* The new block of a realloc, by what the old one was: its contents live on, so its age does. */
static void heap_realloc(struct model *m, const struct model_event *e, const struct sized *r,
                         enum heap_freed old, uint16_t birth)
{
    if (old == FREED_UNKNOWN && (event_flags(e) & RECORD_PAUSED))
        return;
    if (__builtin_expect(old == FREED_IGNORED, 0))
        heap_alloc_ignored(m, e, r, birth);
    else
        heap_alloc(m, e, r, birth);
}

/*
 * Between the beginning and the end of a realloc the block is out of the table,
 * for its address may be handed out again, but still in the accounts: if the
 * realloc fails it was there all the time.
 */
static void realloc_begin(struct model *m, const struct model_event *e)
{
    struct model_thread *thread = e->thread;

    if (thread->holds && thread->held_clears == m->clears)
        heap_release(m, thread, &thread->held); /* its end was never recorded: taken to be freed */
    thread->holds = livetable_take(&m->live, e->hash, event_address(e), &thread->held);
    thread->held_clears = m->clears;
    thread->counted = thread->holds ? NULL : account_unknown(m);
}

static void realloc_end(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);
    struct model_thread *thread = e->thread;
    enum heap_freed old = FREED_UNKNOWN;
    uint16_t birth = m->birth;

    if (thread->holds && thread->held_clears == m->clears) {
        heap_release(m, thread, &thread->held);
        birth = thread->held.birth;
        old = m->sites.sites[thread->held.site].domain == DOMAIN_IGNORED ? FREED_IGNORED : FREED;
    }
    thread->holds = false;
    thread->counted = NULL;
    heap_realloc(m, e, &r, old, birth);
}

static void realloc_fail(struct model *m, const struct model_event *e)
{
    struct model_thread *thread = e->thread;
    struct livetable_block old;
    enum livetable_result result;

    if (thread->counted)
        --*thread->counted; /* it was no free */
    thread->counted = NULL;
    if (!thread->holds)
        return;
    thread->holds = false;
    if (thread->held_clears != m->clears)
        return;
    result = livetable_put(&m->live, livetable_hash(thread->held.address), &thread->held, &old);
    if (result == LIVETABLE_REPLACED) {
        m->replaced_blocks++;
        account_free(m, &m->sites.sites[old.site], old.size, 1);
    } else if (result == LIVETABLE_NO_MEMORY) {
        m->events_lost++;
    }
}

/* ---------------------------------------------------------- mappings -- */

static uint64_t page_up(uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    return (bytes + page - 1) & ~(page - 1);
}

static void mapping_gone(void *context, uint32_t site, uint64_t bytes, uint32_t blocks)
{
    struct model *m = context;

    account_free(m, &m->sites.sites[site], bytes, blocks);
}

/* A range of the address space: not empty, and inside it. */
static bool range_valid(uint64_t start, uint64_t end)
{
    return start < end && end <= RECORD_ADDRESS_MASK;
}

static void range_remove(struct model *m, uint64_t start, uint64_t end)
{
    if (!range_valid(start, end))
        m->damaged_records++;
    else if (!mappings_remove(&m->mappings, start, end, mapping_gone, m))
        m->events_lost++;
}

/* While recording is off a new mapping only ends those that were there. */
static void range_add(struct model *m, const struct model_event *e, uint64_t start, uint64_t end,
                      uint32_t stack)
{
    uint32_t site;

    if (event_flags(e) & RECORD_PAUSED) {
        range_remove(m, start, end);
        return;
    }
    site = sites_get(&m->sites, stack, sites_owner(e->thread->row, DOMAIN_MMAP, 0));
    if (!range_valid(start, end))
        m->damaged_records++;
    else if (!site || !mappings_add(&m->mappings, start, end, site, mapping_gone, m))
        m->events_lost++;
    else
        account_alloc(m, &m->sites.sites[site], end - start, e->time);
}

static void apply_mmap(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);
    uint64_t start = event_address(e);

    range_add(m, e, start, start + page_up(r.size), r.stack);
}

static void apply_munmap(struct model *m, const struct model_event *e)
{
    uint64_t start = event_address(e);

    range_remove(m, start, start + page_up(e->rest[0]));
}

static void apply_mremap(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);
    uint64_t start = event_address(e), old_start = r.extra[0], old_size = page_up(r.extra[1]);
    struct model_event known = *e;

    uint64_t mapped = m->totals[DOMAIN_MMAP].live_bytes;

    if (old_size) /* 0 duplicates a shared mapping and leaves the old one */
        range_remove(m, old_start, old_start + old_size);
    if (m->totals[DOMAIN_MMAP].live_bytes != mapped) /* it was known, so it stays so */
        known.word0 &= ~((uint64_t)RECORD_PAUSED << RECORD_FLAGS_SHIFT);
    range_add(m, &known, start, start + page_up(r.size), r.stack);
}

static void apply_break(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);
    uint64_t now = event_address(e), before = r.extra[0];

    if (now > before)
        range_add(m, e, before, now, r.stack);
    else if (now < before)
        range_remove(m, now, before);
}

/* -------------------------------------------------------------- events -- */

static void apply_rare(struct model *m, const struct model_event *e)
{
    switch (event_kind(e)) {
    case RECORD_REALLOC_BEGIN:
        realloc_begin(m, e);
        break;
    case RECORD_REALLOC_END:
        realloc_end(m, e);
        break;
    case RECORD_REALLOC_FAIL:
        realloc_fail(m, e);
        break;
    case RECORD_FAILED:
        m->failed_blocks++;
        break;
    case RECORD_MMAP:
        apply_mmap(m, e);
        break;
    case RECORD_MUNMAP:
        apply_munmap(m, e);
        break;
    case RECORD_MREMAP:
        apply_mremap(m, e);
        break;
    case RECORD_BREAK:
        apply_break(m, e);
        break;
    default:
        if (!requests_apply(m, e))
            m->damaged_records++;
    }
}

static void apply(struct model *m, const struct model_event *e)
{
    struct sized r;
    uint64_t old;
    uint16_t birth = m->birth;
    enum heap_freed freed;

    switch (event_kind(e)) {
    case RECORD_ALLOC:
        r = event_sized(m, e);
        heap_alloc(m, e, &r, birth);
        break;
    case RECORD_FREE:
        heap_free(m, e->thread, e->hash, event_address(e), &birth);
        break;
    case RECORD_REALLOC:
        r = event_sized(m, e);
        old = r.extra[0] & RECORD_ADDRESS_MASK;
        freed = heap_free(m, e->thread, livetable_hash(old), old, &birth);
        heap_realloc(m, e, &r, freed, birth);
        break;
    default:
        apply_rare(m, e);
    }
}

/*
 * A block that is freed by the very next event never enters the table: it changes
 * the accounts just as it would have.  false: not such a pair, nothing was done.
 */
static inline bool apply_pair(struct model *m, const struct model_event *e)
{
    struct sized r;
    uint32_t site;

    if (event_kind(e) != RECORD_ALLOC || event_kind(e + 1) != RECORD_FREE ||
        e[0].hash != e[1].hash || event_address(e) != event_address(e + 1) ||
        e[0].thread != e[1].thread || !event_address(e))
        return false;
    r = event_sized(m, e);
    if (!livetable_lacks(&m->live, e->hash, event_address(e)))
        return false;
    site = heap_site(m, e, &r, DOMAIN_HEAP);
    if (!site)
        return false;
    account_alloc(m, &m->sites.sites[site], r.size, e->time);
    account_free(m, &m->sites.sites[site], r.size, 1);
    account_temporary(m, &m->sites.sites[site], r.size);
    e->thread->last_address = 0;
    return true;
}

/* Of the site that heap_site will look for, if the block is smaller than 4 GiB. */
static inline uint32_t heap_owner(const struct model_event *e)
{
    return sites_owner(e->thread->row, DOMAIN_HEAP, sizeclass_of((uint32_t)e->rest[0]));
}

/* Inlined by force, both: see livetable_prefetch. */
__attribute__((always_inline)) static inline void prefetch_entry(const struct model *m,
                                                                 struct model_event *e)
{
    uint32_t kind = event_kind(e);

    e->hash = livetable_hash(event_address(e));
    livetable_prefetch(&m->live, e->hash);
    if (kind == RECORD_ALLOC || kind == RECORD_REALLOC || kind == RECORD_REALLOC_END) {
        uint32_t stack = (uint32_t)(e->rest[0] >> 32);

        sites_prefetch(&m->sites, stack, heap_owner(e));
    }
    if (kind == RECORD_REALLOC)
        livetable_prefetch(&m->live,
                           livetable_hash(e->rest[(event_flags(e) & RECORD_BIG) ? 2 : 1]));
}

__attribute__((always_inline)) static inline void prefetch_site(const struct model *m,
                                                                const struct model_event *e)
{
    uint32_t site = livetable_prefetch_more(&m->live, e->hash, event_address(e));

    if (event_kind(e) == RECORD_ALLOC) {
        uint32_t stack = (uint32_t)(e->rest[0] >> 32);

        sites_prefetch_more(&m->sites, stack, heap_owner(e));
    } else if (m->sites.sites) { /* whether it is known cannot be predicted: 0 is there, too */
        __builtin_prefetch(&m->sites.sites[site], 1);
    }
}

static void sample(struct model *m)
{
    struct timeline_sample s = {.time = m->last_time,
                                .live_bytes = m->totals[DOMAIN_HEAP].live_bytes,
                                .live_blocks = m->totals[DOMAIN_HEAP].live_blocks,
                                .rss_bytes = m->rss_bytes};

    timeline_add(&m->timeline, &s);
}

void model_apply(struct model *m, struct model_event *events, size_t count)
{
    if (!count)
        return;
    for (size_t i = 0; i < count; i++)
        prefetch_entry(m, &events[i]);
    for (size_t i = 0; i < count; i++)
        prefetch_site(m, &events[i]);
    for (size_t i = 0; i < count; i++)
        if (i + 1 < count && apply_pair(m, &events[i]))
            i++;
        else
            apply(m, &events[i]);
    m->events += count;
    if (events[count - 1].time > m->last_time)
        m->last_time = events[count - 1].time;
    if (m->last_time >= m->timeline.due)
        sample(m);
}

void model_rss(struct model *m, uint64_t time, uint64_t bytes)
{
    m->rss_bytes = bytes;
    if (bytes > m->rss_peak_bytes)
        m->rss_peak_bytes = bytes;
    if (time > m->last_time)
        m->last_time = time;
    sample(m);
}

static void finish_marks(struct model *m)
{
    struct mark last = {.time = m->last_time,
                        .live_bytes = m->totals[DOMAIN_HEAP].live_bytes,
                        .live_blocks = m->totals[DOMAIN_HEAP].live_blocks};

    marks_finish(&m->marks, &last);
}

void model_finish(struct model *m, uint64_t time)
{
    if (time > m->last_time)
        m->last_time = time;
    sample(m);
    finish_marks(m);
    for (uint32_t i = 1; i < m->sites.count; i++) {
        struct site *site = &m->sites.sites[i];

        site_before_change(site, &m->totals[site->domain]);
    }
}
