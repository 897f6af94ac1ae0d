// SPDX-License-Identifier: Apache-2.0
#include "src/host/model/blockfind.h"

#include "src/host/profile/profile.h"

#include <string.h>

/* Keep the block if it holds the address and is smaller than what was found, or begins later. */
static void consider(struct found_block *found, uint64_t address, uint64_t start, uint64_t size,
                     uint32_t site)
{
    if (address < start || (address != start && address - start >= size))
        return;
    if (found->site && (size > found->size || (size == found->size && start <= found->start)))
        return;
    *found = (struct found_block){.start = start, .size = size, .site = site};
}

/* The side list of sizes is searched only for the few that are there. */
static void consider_entry(const struct livetable *t, const struct livetable_entry *e,
                           struct found_block *found, uint64_t address)
{
    uint64_t start = e->address_birth >> 16;
    struct livetable_block block;

    if (start > address || (e->size != UINT32_MAX && start + e->size < address))
        return;
    if (e->size != UINT32_MAX)
        consider(found, address, start, e->size, e->site);
    else if (livetable_find(t, start, &block))
        consider(found, address, start, block.size, block.site);
}

static void find_in_table(const struct livetable *t, uint64_t address, struct found_block *found)
{
    struct livetable_block block;

    if (!t->count)
        return;
    if (livetable_find(t, address, &block)) {
        consider(found, address, block.address, block.size, block.site);
        return;
    }
    for (uint32_t i = 0; i < LIVETABLE_SHARDS; i++)
        for (uint64_t k = 0; t->shards[i].entries && k < t->shards[i].room; k++)
            if (t->shards[i].entries[k].address_birth)
                consider_entry(t, &t->shards[i].entries[k], found, address);
}

static void find_in_mappings(const struct mappings *m, uint64_t address, struct found_block *found)
{
    for (uint32_t i = 0; i < m->range_count; i++)
        consider(found, address, m->ranges[i].start, m->ranges[i].end - m->ranges[i].start,
                 m->owners[m->ranges[i].owner].site);
}

bool block_find_in_heap(const struct model *m, uint64_t address, struct found_block *found)
{
    memset(found, 0, sizeof(*found));
    find_in_table(&m->live, address, found);
    if (!found->site)
        return false;
    found->domain = m->sites.sites[found->site].domain;
    return true;
}

bool block_find(const struct model *m, uint64_t address, struct found_block *found)
{
    memset(found, 0, sizeof(*found));
    for (uint32_t domain = 0; domain < model_domain_count(m); domain++)
        if (model_domain_live(m, domain))
            find_in_table(model_domain_live(m, domain), address, found);
    find_in_mappings(&m->mappings, address, found);
    if (!found->site)
        return false;
    found->domain = m->sites.sites[found->site].domain;
    return true;
}
