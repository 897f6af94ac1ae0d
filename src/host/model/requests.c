/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/requests.h"

#include "src/host/model/account.h"
#include "src/host/model/blockfind.h"
#include "src/host/model/event.h"
#include "src/host/model/sizeclass.h"
#include "src/shared/guarded.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS_BITS 48

_Static_assert(RECORD_DOMAINS_FIRST == DOMAIN_BUILTIN && RECORD_DOMAINS_END == DOMAINS_MAX,
               "target and profile number domains alike");

/* -------------------------------------------------------------- domains -- */

uint32_t model_domain_count(const struct model *m)
{
    uint32_t count = MODEL_DOMAINS;

    while (count > DOMAIN_BUILTIN && !m->pools[count - 1])
        count--;
    return count;
}

const char *model_domain_name(const struct model *m, uint32_t domain)
{
    switch (domain) {
    case DOMAIN_HEAP:
        return "heap";
    case DOMAIN_MMAP:
        return "mmap";
    case DOMAIN_IGNORED:
        return "ignored";
    }
    return m->pools[domain] ? m->pools[domain]->name : "";
}

const struct model_totals *model_domain_totals(const struct model *m, uint32_t domain)
{
    return &m->totals[domain];
}

const struct livetable *model_domain_live(const struct model *m, uint32_t domain)
{
    if (domain == DOMAIN_HEAP || domain == DOMAIN_IGNORED)
        return &m->live;
    return m->pools[domain] ? &m->pools[domain]->live : NULL;
}

/* NULL if the domain is none that a program can have, or memory ran out: counted. */
static struct model_pool *pool_get(struct model *m, uint64_t domain)
{
    struct model_pool *pool;

    if (domain < DOMAIN_BUILTIN || domain >= MODEL_DOMAINS) {
        m->damaged_records++;
        return NULL;
    }
    if (m->pools[domain])
        return m->pools[domain];
    pool = objects_take(&m->pool_memory);
    if (!pool) {
        m->events_lost++;
        return NULL;
    }
    livetable_init(&pool->live);
    m->pools[domain] = pool;
    return pool;
}

struct livetable *requests_domain_live(struct model *m, uint32_t domain)
{
    struct model_pool *pool = pool_get(m, domain);

    return pool ? &pool->live : NULL;
}

void requests_domain_name(struct model *m, uint32_t domain, const char *name)
{
    struct model_pool *pool = pool_get(m, domain);

    if (pool)
        snprintf(pool->name, sizeof(pool->name), "%s", name);
}

void requests_init(struct model *m)
{
    objects_init(&m->pool_memory, sizeof(struct model_pool), _Alignof(struct model_pool));
}

void requests_release(struct model *m)
{
    for (uint32_t i = 0; i < MODEL_DOMAINS; i++) {
        if (m->pools[i])
            livetable_release(&m->pools[i]->live);
        m->pools[i] = NULL;
    }
    objects_release(&m->pool_memory);
}

/* ---------------------------------------------------- the program's blocks -- */

static void pool_release(struct model *m, struct model_thread *thread, uint64_t domain,
                         const struct livetable_block *block)
{
    struct site *site = &m->sites.sites[block->site];

    account_free(m, site, block->size, 1);
    if (thread->last_in_pools == (block->address | domain << ADDRESS_BITS)) {
        if (site->thread == thread->row)
            account_temporary(m, site, block->size);
        thread->last_in_pools = 0;
    }
}

/* false: there was no such block. */
static bool pool_free(struct model *m, struct model_thread *thread, uint64_t domain,
                      uint64_t address)
{
    struct model_pool *pool = pool_get(m, domain);
    struct livetable_block block;

    if (!pool)
        return false;
    if (!livetable_take(&pool->live, livetable_hash(address), address, &block)) {
        account_unknown(m);
        return false;
    }
    pool_release(m, thread, domain, &block);
    return true;
}

static void pool_alloc(struct model *m, const struct model_event *e, uint64_t domain,
                       const struct sized *r)
{
    struct model_pool *pool = pool_get(m, domain);
    struct livetable_block block = {.address = event_address(e), .size = r->size}, old;
    enum livetable_result result = LIVETABLE_NO_MEMORY;

    if (!pool)
        return;
    if (!block.address) {
        m->damaged_records++;
        return;
    }
    block.site = sites_get(&m->sites, r->stack,
                           sites_owner(e->thread->row, (uint32_t)domain, sizeclass_of(r->size)));
    if (block.site)
        result = livetable_put(&pool->live, livetable_hash(block.address), &block, &old);
    if (result == LIVETABLE_NO_MEMORY) {
        m->events_lost++;
        return;
    }
    if (result == LIVETABLE_REPLACED) {
        m->replaced_blocks++;
        account_free(m, &m->sites.sites[old.site], old.size, 1);
    }
    account_alloc(m, &m->sites.sites[block.site], r->size, e->time);
    e->thread->last_in_pools = block.address | domain << ADDRESS_BITS;
}

static void apply_domain_alloc(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);

    pool_alloc(m, e, r.extra[0], &r);
}

static void apply_domain_realloc(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);
    uint64_t domain = r.extra[0] >> ADDRESS_BITS;

    if (!pool_free(m, e->thread, domain, r.extra[0] & RECORD_ADDRESS_MASK) &&
        (event_flags(e) & RECORD_PAUSED))
        return;
    pool_alloc(m, e, domain, &r);
}

/* --------------------------------------------------------------- ignoring -- */

/* By its start, or by what lies in it: new[]'s pointer behind a count, an object's second base. */
static bool take_heap_block(struct model *m, uint64_t address, uint64_t hash,
                            struct livetable_block *block)
{
    struct found_block found;

    if (livetable_take(&m->live, hash, address, block))
        return true;
    return block_find_in_heap(m, address, &found) && found.domain == DOMAIN_HEAP &&
           livetable_take(&m->live, livetable_hash(found.start), found.start, block);
}

/* The block moves to the same stack, thread and size class in another domain. */
static void apply_ignore(struct model *m, const struct model_event *e)
{
    struct livetable_block block, old;
    uint32_t from, to;

    if (!take_heap_block(m, event_address(e), e->hash, &block))
        return;
    from = block.site;
    to = sites_get(
        &m->sites, m->sites.sites[from].node,
        sites_owner(m->sites.sites[from].thread, DOMAIN_IGNORED, m->sites.sites[from].class));
    if (to && to != from) {
        account_free(m, &m->sites.sites[from], block.size, 1);
        account_alloc(m, &m->sites.sites[to], block.size, e->time);
        block.site = to;
    } else if (!to) {
        m->events_lost++;
    }
    livetable_put(&m->live, livetable_hash(block.address), &block,
                  &old); /* where it was, so there is room */
}

/* --------------------------------------------------- clearing, and the peak -- */

static void livetable_clear(struct livetable *t)
{
    livetable_release(t);
    livetable_init(t);
}

static void apply_clear(struct model *m)
{
    livetable_clear(&m->live);
    for (uint32_t i = DOMAIN_BUILTIN; i < MODEL_DOMAINS; i++)
        if (m->pools[i])
            livetable_clear(&m->pools[i]->live);
    mappings_release(&m->mappings);
    mappings_init(&m->mappings);
    sites_clear(&m->sites);
    memset(m->totals, 0, sizeof(m->totals));
    m->failed_blocks = 0;
    m->partial = true;
    m->clears++;
}

static void apply_reset_peak(struct model *m, const struct model_event *e)
{
    for (uint32_t i = 0; i < MODEL_DOMAINS; i++) {
        struct model_totals *t = &m->totals[i];

        t->peak_bytes = t->live_bytes;
        t->peak_blocks = t->live_blocks;
        t->peak_time = e->time;
        t->epoch++; /* so that every site's peak is what it holds now */
    }
}

/* ----------------------------------------------- snapshots, marks, questions -- */

#define TICKS_AHEAD_MAX (UINT64_C(1) << 36) /* what says to be later than this is damage */

/* Most records have but a rough time; these bring the clock along. */
static uint64_t request_time(struct model *m, const struct model_event *e)
{
    uint64_t time =
        e->rest[0] >= e->time && e->rest[0] - e->time < TICKS_AHEAD_MAX ? e->rest[0] : e->time;

    if (time > m->last_time)
        m->last_time = time;
    return m->last_time;
}

/* The text that the thread sent for this record; "" if it did not arrive whole. */
static void request_text(struct model *m, const struct model_event *e,
                         char text[TEXT_BYTES_MAX + 1])
{
    if (!texts_take(&m->texts, e->thread, event_address(e), text))
        m->damaged_records++;
}

static void apply_snapshot(struct model *m, const struct model_event *e)
{
    char label[TEXT_BYTES_MAX + 1];
    uint64_t time = request_time(m, e);

    request_text(m, e, label);
    if (m->hooks.snapshot)
        m->hooks.snapshot(m->hooks.context, label, time);
}

static void apply_mark(struct model *m, const struct model_event *e)
{
    char label[TEXT_BYTES_MAX + 1];
    struct mark mark = {.time = request_time(m, e),
                        .live_bytes = m->totals[DOMAIN_HEAP].live_bytes,
                        .live_blocks = m->totals[DOMAIN_HEAP].live_blocks,
                        .thread = e->thread->row};

    request_text(m, e, label);
    marks_add(&m->marks, &mark, label);
}

/* Its numbers are taken as they are: what makes no sense is for who shows them to see. */
static void apply_fault(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);
    struct fault fault = {.time = e->time,
                          .address = event_address(e),
                          .size = r.size,
                          .noticed_at = r.stack,
                          .allocated_at = (uint32_t)r.extra[0],
                          .freed_at = (uint32_t)(r.extra[0] >> 32),
                          .kind = r.extra[1] & 0xff,
                          .found = (r.extra[1] >> 8) & 0xff,
                          .value = (int64_t)r.extra[1] >> 16,
                          .thread = e->thread->row};

    if (fault.kind == 0 || fault.kind >= GUARDED_KINDS || fault.allocated_at >= m->nodes_max ||
        fault.freed_at >= m->nodes_max)
        m->damaged_records++;
    else
        faults_add(&m->faults, &fault);
}

static void apply_region(struct model *m, const struct model_event *e)
{
    struct sized r = event_sized(m, e);
    bool kept = true;

    switch (r.extra[0]) {
    case REGION_ROOT_ADD:
    case REGION_WEAK_ADD:
        kept = regions_add(&m->regions, event_address(e), r.size, r.extra[0] == REGION_WEAK_ADD);
        break;
    case REGION_ROOT_REMOVE:
    case REGION_WEAK_REMOVE:
        regions_remove(&m->regions, event_address(e), r.extra[0] == REGION_WEAK_REMOVE);
        break;
    default:
        m->damaged_records++;
    }
    if (!kept)
        m->events_lost++;
}

static void apply_domain(struct model *m, const struct model_event *e)
{
    char name[TEXT_BYTES_MAX + 1];
    struct model_pool *pool = pool_get(m, e->rest[0]);

    request_text(m, e, name);
    if (pool && !pool->name[0])
        memcpy(pool->name, name, sizeof(name));
}

static void apply_fork(struct model *m, const struct model_event *e)
{
    if (m->hooks.fork)
        m->hooks.fork(m->hooks.context, (uint32_t)event_address(e));
}

static void apply_query(struct model *m, const struct model_event *e)
{
    if (m->hooks.query)
        m->hooks.query(m->hooks.context, e->thread->slot, (uint32_t)event_address(e),
                       (uint32_t)e->rest[0]);
}

bool requests_apply(struct model *m, const struct model_event *e)
{
    switch (event_kind(e)) {
    case RECORD_TEXT:
        if (!texts_piece(&m->texts, e->thread, event_address(e), e->rest))
            m->damaged_records++;
        return true;
    case RECORD_SNAPSHOT:
        apply_snapshot(m, e);
        return true;
    case RECORD_MARK:
        apply_mark(m, e);
        return true;
    case RECORD_CLEAR:
        apply_clear(m);
        return true;
    case RECORD_RESET_PEAK:
        apply_reset_peak(m, e);
        return true;
    case RECORD_QUERY:
        apply_query(m, e);
        return true;
    case RECORD_DOMAIN:
        apply_domain(m, e);
        return true;
    case RECORD_DOMAIN_ALLOC:
        apply_domain_alloc(m, e);
        return true;
    case RECORD_DOMAIN_FREE:
        pool_free(m, e->thread, e->rest[0], event_address(e));
        return true;
    case RECORD_DOMAIN_REALLOC:
        apply_domain_realloc(m, e);
        return true;
    case RECORD_IGNORE:
        apply_ignore(m, e);
        return true;
    case RECORD_FAULT:
        apply_fault(m, e);
        return true;
    case RECORD_REGION:
        apply_region(m, e);
        return true;
    case RECORD_FORK:
        apply_fork(m, e);
        return true;
    case RECORD_TRACING:
        if (event_address(e) == 0)
            m->partial = true;
        return true;
    }
    return false;
}
