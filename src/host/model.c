/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peak, exactly and in constant time: every new maximum of a domain's live
 * bytes has a number, the epoch.  A site whose epoch is an earlier one has not
 * changed since the current peak, so its live numbers are still those it had
 * then; they are kept just before its next change.
 */
#include "src/host/model.h"

#include "src/host/profile.h"
#include "src/shared/record.h"

#include <string.h>
#include <unistd.h>

_Static_assert(DOMAIN_HEAP < MODEL_DOMAINS && DOMAIN_MMAP < MODEL_DOMAINS, "totals by domain");

void model_init(struct model *m, uint32_t nodes_max, uint64_t origin, uint64_t tick_interval)
{
    memset(m, 0, sizeof(*m));
    m->nodes_max = nodes_max;
    m->last_time = origin;
    livetable_init(&m->live);
    sites_init(&m->sites);
    threads_init(&m->threads);
    mappings_init(&m->mappings);
    timeline_init(&m->timeline, origin, tick_interval);
}

void model_release(struct model *m)
{
    livetable_release(&m->live);
    sites_release(&m->sites);
    threads_release(&m->threads);
    mappings_release(&m->mappings);
}

uint64_t model_memory(const struct model *m)
{
    return livetable_memory(&m->live) + sites_memory(&m->sites);
}

/* ------------------------------------------------------------ accounts -- */

static inline void site_before_change(struct site *site, const struct model_totals *totals)
{
    if (site->epoch != totals->epoch) {
        site->peak_bytes = site->live_bytes;
        site->peak_blocks = site->live_blocks;
        site->epoch = totals->epoch;
    }
}

static inline void account_grow(struct model_totals *totals, uint64_t bytes, uint64_t time)
{
    totals->live_bytes += bytes;
    totals->live_blocks++;
    totals->total_bytes += bytes;
    totals->total_blocks++;
    if (totals->live_bytes > totals->peak_bytes) {
        totals->peak_bytes = totals->live_bytes;
        totals->peak_blocks = totals->live_blocks;
        totals->peak_time = time;
        totals->epoch++;
    }
}

static inline void account_alloc(struct model *m, struct site *site, uint64_t bytes, uint64_t time)
{
    struct model_totals *totals = &m->totals[site->domain];

    site_before_change(site, totals);
    site->live_bytes += bytes;
    site->live_blocks++;
    if (site->total_blocks == 0)
        site->first_time = time;
    site->last_time = time;
    site->total_bytes += bytes;
    site->total_blocks++;
    if (bytes < site->smallest)
        site->smallest = bytes;
    if (bytes > site->largest)
        site->largest = bytes;
    account_grow(totals, bytes, time);
}

static inline void account_free(struct model *m, struct site *site, uint64_t bytes, uint64_t blocks)
{
    struct model_totals *totals = &m->totals[site->domain];

    site_before_change(site, totals);
    site->live_bytes -= bytes;
    site->live_blocks -= blocks;
    totals->live_bytes -= bytes;
    totals->live_blocks -= blocks;
}

static inline void account_temporary(struct model *m, struct site *site, uint64_t bytes)
{
    struct model_totals *totals = &m->totals[site->domain];

    site->temporary_bytes += bytes;
    site->temporary_blocks++;
    totals->temporary_bytes += bytes;
    totals->temporary_blocks++;
}

/* ------------------------------------------------------ reading records -- */

static inline uint64_t event_address(const struct model_event *e)
{
    return e->word0 & RECORD_ADDRESS_MASK;
}

static inline uint32_t event_flags(const struct model_event *e)
{
    return (uint32_t)(e->word0 >> RECORD_FLAGS_SHIFT) & 0xff;
}

static inline uint32_t event_kind(const struct model_event *e)
{
    return (uint32_t)(e->word0 >> RECORD_KIND_SHIFT);
}

struct sized {
    uint64_t size;
    uint32_t stack;
    const uint64_t *extra; /* what follows in the record */
};

static inline struct sized event_sized(const struct model *m, const struct model_event *e)
{
    uint64_t word = e->rest[0];
    struct sized r = {
        .size = (uint32_t)word, .stack = (uint32_t)(word >> 32), .extra = e->rest + 1};

    if (__builtin_expect(event_flags(e) & RECORD_BIG, 0))
        r.size |= *r.extra++ << 32;
    if (__builtin_expect(r.stack >= m->nodes_max, 0))
        r.stack = STACK_ROOT_TRUNCATED;
    return r;
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

static void heap_alloc(struct model *m, const struct model_event *e, const struct sized *r)
{
    struct livetable_block block = {.address = event_address(e), .size = r->size}, old;
    uint32_t site = sites_get(&m->sites, r->stack, e->thread->row, DOMAIN_HEAP);
    enum livetable_result result = LIVETABLE_NO_MEMORY;

    if (__builtin_expect(!block.address, 0)) {
        m->damaged_records++;
        return;
    }
    block.site = site;
    if (__builtin_expect(site != 0, 1))
        result = livetable_put(&m->live, e->hash, &block, &old);
    if (__builtin_expect(result != LIVETABLE_ADDED, 0)) {
        if (result == LIVETABLE_NO_MEMORY) {
            m->events_lost++;
            return;
        }
        m->replaced_blocks++;
        account_free(m, &m->sites.sites[old.site], old.size, 1);
    }
    account_alloc(m, &m->sites.sites[site], r->size, e->time);
    e->thread->last_address = block.address;
}

static void heap_free(struct model *m, struct model_thread *thread, uint64_t hash, uint64_t address)
{
    struct livetable_block block;

    if (__builtin_expect(livetable_take(&m->live, hash, address, &block), 1))
        heap_release(m, thread, &block);
    else
        m->unknown_frees++;
}

/*
 * Between the beginning and the end of a realloc the block is out of the table,
 * for its address may be handed out again, but still in the accounts: if the
 * realloc fails it was there all the time.
 */
static void realloc_begin(struct model *m, const struct model_event *e)
{
    struct model_thread *thread = e->thread;

    if (thread->holds) /* its end was never recorded: the block is taken to be freed */
        heap_release(m, thread, &thread->held);
    thread->holds = livetable_take(&m->live, e->hash, event_address(e), &thread->held);
    if (!thread->holds)
        m->unknown_frees++;
}

static void realloc_end(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);

    if (e->thread->holds)
        heap_release(m, e->thread, &e->thread->held);
    e->thread->holds = false;
    heap_alloc(m, e, &r);
}

static void realloc_fail(struct model *m, const struct model_event *e)
{
    struct model_thread *thread = e->thread;
    struct livetable_block old;
    enum livetable_result result;

    if (!thread->holds) {
        /* Never seen allocated; it was counted as an unknown free and was none. */
        if (m->unknown_frees)
            m->unknown_frees--;
        return;
    }
    thread->holds = false;
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

static void range_add(struct model *m, const struct model_event *e, uint64_t start, uint64_t end,
                      uint32_t stack)
{
    uint32_t site = sites_get(&m->sites, stack, e->thread->row, DOMAIN_MMAP);

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

    if (old_size) /* 0 duplicates a shared mapping and leaves the old one */
        range_remove(m, old_start, old_start + old_size);
    range_add(m, e, start, start + page_up(r.size), r.stack);
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
        m->damaged_records++;
    }
}

static void apply(struct model *m, const struct model_event *e)
{
    struct sized r;
    uint64_t old;

    switch (event_kind(e)) {
    case RECORD_ALLOC:
        r = event_sized(m, e);
        heap_alloc(m, e, &r);
        break;
    case RECORD_FREE:
        heap_free(m, e->thread, e->hash, event_address(e));
        break;
    case RECORD_REALLOC:
        r = event_sized(m, e);
        old = r.extra[0] & RECORD_ADDRESS_MASK;
        heap_free(m, e->thread, livetable_hash(old), old);
        heap_alloc(m, e, &r);
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
    site = sites_get(&m->sites, r.stack, e->thread->row, DOMAIN_HEAP);
    if (!site)
        return false;
    account_alloc(m, &m->sites.sites[site], r.size, e->time);
    account_free(m, &m->sites.sites[site], r.size, 1);
    account_temporary(m, &m->sites.sites[site], r.size);
    e->thread->last_address = 0;
    return true;
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

        sites_prefetch(&m->sites, stack, e->thread->row, DOMAIN_HEAP);
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

        sites_prefetch_more(&m->sites, stack, e->thread->row, DOMAIN_HEAP);
    } else if (site && site < m->sites.count) {
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

void model_finish(struct model *m, uint64_t time)
{
    if (time > m->last_time)
        m->last_time = time;
    sample(m);
    for (uint32_t i = 1; i < m->sites.count; i++) {
        struct site *site = &m->sites.sites[i];

        site_before_change(site, &m->totals[site->domain]);
    }
}
