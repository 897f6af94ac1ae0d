// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/inheritance.h"

#include "src/host/model/account.h"
#include "src/host/model/requests.h"

#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------- taking -- */

static uint64_t block_count(const struct model *m)
{
    uint64_t count = m->live.count;

    for (uint32_t i = DOMAIN_BUILTIN; i < MODEL_DOMAINS; i++)
        if (m->pools[i])
            count += m->pools[i]->live.count;
    return count;
}

uint64_t inheritance_bytes(const struct model *m)
{
    return block_count(m) * sizeof(struct inherited_block) +
           m->sites.count * sizeof(struct inherited_site) +
           m->mappings.range_count * sizeof(struct mappings_range) +
           m->regions.count * sizeof(struct region) + m->threads.count * sizeof(struct threads_row);
}

static void take_table(struct inheritance *in, const struct livetable *t, uint32_t domain)
{
    struct livetable_position at = {0};
    struct livetable_block block;

    while (livetable_next(t, &at, &block))
        in->blocks[in->block_count++] = (struct inherited_block){
            .address = block.address, .size = block.size, .site = block.site, .domain = domain};
}

static void take_blocks(struct inheritance *in, const struct model *m)
{
    take_table(in, &m->live, DOMAIN_HEAP);
    for (uint32_t i = DOMAIN_BUILTIN; i < MODEL_DOMAINS; i++) {
        struct inherited_domain *to = &in->domains[in->domain_count];

        if (!m->pools[i])
            continue;
        to->domain = i;
        memcpy(to->name, m->pools[i]->name, sizeof(to->name));
        in->domain_count++;
        take_table(in, &m->pools[i]->live, i);
    }
}

static void take_sites(struct inheritance *in, const struct model *m)
{
    in->site_count = m->sites.count;
    for (uint32_t i = 1; i < in->site_count; i++) {
        const struct site *site = &m->sites.sites[i];

        in->sites[i] = (struct inherited_site){.node = site->node,
                                               .thread = site->thread,
                                               .domain = site->domain,
                                               .class = site->class};
    }
}

static void take_ranges(struct inheritance *in, const struct model *m)
{
    for (uint32_t i = 0; i < m->mappings.range_count; i++) {
        in->ranges[i] = m->mappings.ranges[i];
        in->ranges[i].owner = m->mappings.owners[in->ranges[i].owner].site;
    }
    in->range_count = m->mappings.range_count;
}

static void *room(uint64_t count, size_t size)
{
    return calloc(count ? count : 1, size);
}

bool inheritance_take(struct inheritance *in, const struct model *m)
{
    *in = (struct inheritance){
        .blocks = room(block_count(m), sizeof(*in->blocks)),
        .sites = room(m->sites.count, sizeof(*in->sites)),
        .domains = room(MODEL_DOMAINS, sizeof(*in->domains)),
        .ranges = room(m->mappings.range_count, sizeof(*in->ranges)),
        .regions = room(m->regions.count, sizeof(*in->regions)),
        .threads = room(m->threads.count, sizeof(*in->threads)),
        .partial = m->partial,
    };
    if (!in->blocks || !in->sites || !in->domains || !in->ranges || !in->regions || !in->threads) {
        inheritance_release(in);
        return false;
    }
    take_blocks(in, m);
    take_sites(in, m);
    take_ranges(in, m);
    in->region_count = m->regions.count;
    if (in->region_count)
        memcpy(in->regions, m->regions.rows, in->region_count * sizeof(*in->regions));
    in->thread_count = m->threads.count;
    if (in->thread_count)
        memcpy(in->threads, m->threads.rows, in->thread_count * sizeof(*in->threads));
    return true;
}

void inheritance_release(struct inheritance *in)
{
    free(in->blocks);
    free(in->sites);
    free(in->domains);
    free(in->ranges);
    free(in->regions);
    free(in->threads);
    memset(in, 0, sizeof(*in));
}

/* -------------------------------------------------------------- giving -- */

/* The parent's threads keep their rows, in the same order, so that a site's thread is its row. */
static void give_threads(const struct inheritance *in, struct model *m)
{
    for (uint32_t i = 0; i < in->thread_count; i++)
        if (threads_add(&m->threads, in->threads[i].tid, in->threads[i].name) == THREADS_NONE)
            m->events_lost++;
}

/* The child's site for the parent's; 0: no memory. */
static uint32_t site_of(const struct inheritance *in, struct model *m, uint32_t number)
{
    const struct inherited_site *from = &in->sites[number];
    uint32_t thread = from->thread < m->threads.count ? from->thread : 0;

    return sites_get(&m->sites, from->node, sites_owner(thread, from->domain, from->class));
}

static void give_block(const struct inheritance *in, struct model *m, struct livetable *t,
                       const struct inherited_block *from, uint64_t time)
{
    struct livetable_block block = {.address = from->address, .size = from->size}, old;

    block.site = site_of(in, m, from->site);
    if (!t || !block.site ||
        livetable_put(t, livetable_hash(block.address), &block, &old) != LIVETABLE_ADDED) {
        m->events_lost++;
        return;
    }
    account_alloc(m, &m->sites.sites[block.site], block.size, time);
    if (m->sites.sites[block.site].domain == DOMAIN_IGNORED) {
        /* it counts among what the heap allocated in all, see model.h */
        m->totals[DOMAIN_HEAP].total_bytes += block.size;
        m->totals[DOMAIN_HEAP].total_blocks++;
    }
}

static struct livetable *table_of(struct model *m, uint32_t domain)
{
    return domain == DOMAIN_HEAP ? &m->live : requests_domain_live(m, domain);
}

/* Those of a table lie together. */
static void give_blocks(const struct inheritance *in, struct model *m, uint64_t time)
{
    uint64_t end;

    for (uint64_t i = 0; i < in->block_count; i = end) {
        uint32_t domain = in->blocks[i].domain;
        struct livetable *t = table_of(m, domain);

        for (end = i; end < in->block_count && in->blocks[end].domain == domain; end++)
            ;
        if (t)
            livetable_reserve(t, end - i);
        for (; i < end; i++)
            give_block(in, m, t, &in->blocks[i], time);
    }
}

static void nothing_gone(void *context, uint32_t site, uint64_t bytes, uint32_t blocks)
{
    (void)context;
    (void)site;
    (void)bytes;
    (void)blocks;
}

static void give_range(const struct inheritance *in, struct model *m,
                       const struct mappings_range *range, uint64_t time)
{
    uint32_t site = site_of(in, m, range->owner);

    if (!site || !mappings_add(&m->mappings, range->start, range->end, site, nothing_gone, NULL))
        m->events_lost++;
    else
        account_alloc(m, &m->sites.sites[site], range->end - range->start, time);
}

void inheritance_give(const struct inheritance *in, struct model *m, uint64_t time)
{
    give_threads(in, m);
    for (uint32_t i = 0; i < in->domain_count; i++)
        requests_domain_name(m, in->domains[i].domain, in->domains[i].name);
    give_blocks(in, m, time);
    for (uint32_t i = 0; i < in->range_count; i++)
        give_range(in, m, &in->ranges[i], time);
    for (uint32_t i = 0; i < in->region_count; i++)
        if (!regions_add(&m->regions, in->regions[i].start, in->regions[i].size,
                         in->regions[i].weak))
            m->events_lost++;
    m->partial = in->partial;
}
