/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/sites.h"

#include "src/host/pages.h"

#include <stdbool.h>
#include <string.h>

#define FIRST_SITES 64u
#define FIRST_NODES 4096u
#define FIRST_INDEX 1024u

void sites_init(struct sites *s)
{
    memset(s, 0, sizeof(*s));
}

void sites_release(struct sites *s)
{
    pages_unmap(s->sites, (size_t)s->room * sizeof(*s->sites));
    pages_unmap(s->first, (size_t)s->first_room * sizeof(*s->first));
    pages_unmap(s->index, (size_t)s->index_size * sizeof(*s->index));
    sites_init(s);
}

uint64_t sites_memory(const struct sites *s)
{
    return (uint64_t)s->room * sizeof(*s->sites) + (uint64_t)s->first_room * sizeof(*s->first) +
           (uint64_t)s->index_size * sizeof(*s->index);
}

/* Room for node `node` in the dense array. */
static bool first_reserve(struct sites *s, uint32_t node)
{
    uint64_t room = s->first_room ? s->first_room : FIRST_NODES;
    uint32_t *first;

    while (room <= node)
        room *= 2;
    if (room == s->first_room)
        return true;
    first =
        pages_grow(s->first, (size_t)s->first_room * sizeof(*first), (size_t)room * sizeof(*first));
    if (!first)
        return false;
    s->first = first;
    s->first_room = (uint32_t)room;
    return true;
}

static bool sites_reserve(struct sites *s)
{
    uint64_t room = s->room ? (uint64_t)s->room * 2 : FIRST_SITES;
    struct site *sites;

    if (s->count < s->room)
        return true;
    if (room > UINT32_MAX)
        return false;
    sites = pages_grow(s->sites, (size_t)s->room * sizeof(*sites), (size_t)room * sizeof(*sites));
    if (!sites)
        return false;
    s->sites = sites;
    s->room = (uint32_t)room;
    if (s->count == 0)
        s->count = 1;
    return true;
}

static uint32_t site_new(struct sites *s, uint32_t node, uint32_t thread, uint32_t domain)
{
    struct site *site;

    if (!sites_reserve(s))
        return 0;
    site = &s->sites[s->count];
    site->node = node;
    site->thread = thread;
    site->domain = domain;
    site->smallest = UINT64_MAX;
    return s->count++;
}

/* ---------------------------------------------------------- the index -- */

static uint32_t key_hash(uint32_t node, uint32_t thread, uint32_t domain)
{
    uint64_t h = ((uint64_t)node << 32 | thread) * UINT64_C(0x9e3779b97f4a7c15) + domain;

    h ^= h >> 32;
    return (uint32_t)((h * UINT64_C(0xd6e8feb86659fd93)) >> 32);
}

/* Where the site is, or the empty place where it belongs. */
static uint32_t *index_seek(const struct sites *s, uint32_t *index, uint32_t size, uint32_t node,
                            uint32_t thread, uint32_t domain)
{
    uint32_t i = key_hash(node, thread, domain) & (size - 1);

    for (;; i = (i + 1) & (size - 1)) {
        const struct site *site = &s->sites[index[i]];

        if (!index[i] || (site->node == node && site->thread == thread && site->domain == domain))
            return &index[i];
    }
}

/* At most half full after one more. */
static bool index_reserve(struct sites *s)
{
    uint32_t size = s->index_size ? s->index_size * 2 : FIRST_INDEX;
    uint32_t *index;

    if (s->index_size && s->index_used < s->index_size / 2)
        return true;
    if (size < s->index_size)
        return false;
    index = pages_map((size_t)size * sizeof(*index));
    if (!index)
        return false;
    for (uint32_t i = 0; i < s->index_size; i++) {
        const struct site *site = &s->sites[s->index[i]];

        if (s->index[i])
            *index_seek(s, index, size, site->node, site->thread, site->domain) = s->index[i];
    }
    pages_unmap(s->index, (size_t)s->index_size * sizeof(*s->index));
    s->index = index;
    s->index_size = size;
    return true;
}

uint32_t sites_get_slow(struct sites *s, uint32_t node, uint32_t thread, uint32_t domain)
{
    const struct site *site;
    uint32_t *place;

    if (!first_reserve(s, node))
        return 0;
    if (!s->first[node])
        return s->first[node] = site_new(s, node, thread, domain);
    site = &s->sites[s->first[node]];
    if (site->thread == thread && site->domain == domain)
        return s->first[node];
    if (!index_reserve(s))
        return 0;
    place = index_seek(s, s->index, s->index_size, node, thread, domain);
    if (!*place) {
        *place = site_new(s, node, thread, domain);
        s->index_used += *place != 0;
    }
    return *place;
}
