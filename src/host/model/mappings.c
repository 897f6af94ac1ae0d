/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/mappings.h"

#include <stdlib.h>
#include <string.h>

void mappings_init(struct mappings *m)
{
    memset(m, 0, sizeof(*m));
    m->unused = MAPPINGS_NONE;
}

void mappings_release(struct mappings *m)
{
    free(m->ranges);
    free(m->owners);
    mappings_init(m);
}

/* Index of the first range that ends after `address`. */
static uint32_t first_after(const struct mappings *m, uint64_t address)
{
    uint32_t low = 0, high = m->range_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (m->ranges[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool reserve_range(struct mappings *m)
{
    uint32_t room = m->range_room ? m->range_room * 2 : 64;
    struct mappings_range *ranges;

    if (m->range_count < m->range_room)
        return true;
    ranges = realloc(m->ranges, room * sizeof(*ranges));
    if (!ranges)
        return false;
    m->ranges = ranges;
    m->range_room = room;
    return true;
}

static bool reserve_owner(struct mappings *m)
{
    uint32_t room = m->owner_room ? m->owner_room * 2 : 64;
    struct mappings_owner *owners;

    if (m->unused != MAPPINGS_NONE || m->owner_count < m->owner_room)
        return true;
    owners = realloc(m->owners, room * sizeof(*owners));
    if (!owners)
        return false;
    m->owners = owners;
    m->owner_room = room;
    return true;
}

static uint32_t owner_new(struct mappings *m, uint32_t site)
{
    uint32_t i = m->unused;

    if (i == MAPPINGS_NONE)
        i = m->owner_count++;
    else
        m->unused = m->owners[i].site;
    m->owners[i] = (struct mappings_owner){.site = site, .pieces = 1};
    return i;
}

/* One piece of a mapping has gone whole; returns 1 if it was the last. */
static uint32_t owner_drop(struct mappings *m, uint32_t i)
{
    if (--m->owners[i].pieces)
        return 0;
    m->owners[i].site = m->unused;
    m->unused = i;
    return 1;
}

static void insert_at(struct mappings *m, uint32_t i, struct mappings_range range)
{
    memmove(m->ranges + i + 1, m->ranges + i, (m->range_count - i) * sizeof(range));
    m->ranges[i] = range;
    m->range_count++;
}

/* [start, end) lies strictly inside range `i`. */
static bool split(struct mappings *m, uint32_t i, uint64_t start, uint64_t end)
{
    struct mappings_range after;

    if (!reserve_range(m))
        return false;
    after = m->ranges[i];
    after.start = end;
    m->ranges[i].end = start;
    m->owners[after.owner].pieces++;
    insert_at(m, i + 1, after);
    return true;
}

bool mappings_remove(struct mappings *m, uint64_t start, uint64_t end, mappings_gone gone,
                     void *context)
{
    uint32_t first = first_after(m, start), i = first, kept = first;

    if (i == m->range_count || m->ranges[i].start >= end)
        return true;
    if (m->ranges[i].start < start && m->ranges[i].end > end) {
        uint32_t site = m->owners[m->ranges[i].owner].site;

        if (!split(m, i, start, end))
            return false;
        gone(context, site, end - start, 0);
        return true;
    }
    for (; i < m->range_count && m->ranges[i].start < end; i++) {
        struct mappings_range *r = &m->ranges[i];
        uint64_t from = r->start > start ? r->start : start;
        uint64_t to = r->end < end ? r->end : end;
        uint32_t site = m->owners[r->owner].site;

        if (from == r->start && to == r->end) {
            gone(context, site, to - from, owner_drop(m, r->owner));
            continue;
        }
        if (from == r->start)
            r->start = to;
        else
            r->end = from;
        gone(context, site, to - from, 0);
        m->ranges[kept++] = *r;
    }
    memmove(m->ranges + kept, m->ranges + i, (m->range_count - i) * sizeof(*m->ranges));
    m->range_count -= i - kept;
    return true;
}

bool mappings_add(struct mappings *m, uint64_t start, uint64_t end, uint32_t site,
                  mappings_gone gone, void *context)
{
    struct mappings_range range = {.start = start, .end = end};

    if (!mappings_remove(m, start, end, gone, context) || !reserve_range(m) || !reserve_owner(m))
        return false;
    range.owner = owner_new(m, site);
    insert_at(m, first_after(m, start), range);
    return true;
}
