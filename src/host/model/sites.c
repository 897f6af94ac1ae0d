/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/sites.h"

#include "src/host/memory/pages.h"

#include <stdbool.h>
#include <string.h>

#define FIRST_SITES 64u
#define FIRST_NODES 4096u
#define FIRST_INDEX 1024u
#define FIRST_FAMILIES 256u

void sites_init(struct sites *s)
{
    memset(s, 0, sizeof(*s));
}

void sites_release(struct sites *s)
{
    pages_unmap(s->sites, (size_t)s->room * sizeof(*s->sites));
    pages_unmap(s->first, (size_t)s->first_room * sizeof(*s->first));
    pages_unmap(s->families, (size_t)s->family_room * sizeof(*s->families));
    pages_unmap(s->index, (size_t)s->index_size * sizeof(*s->index));
    sites_init(s);
}

/* Room for node `node` in the dense array. */
static bool first_reserve(struct sites *s, uint32_t node)
{
    uint64_t room = s->first_room ? s->first_room : FIRST_NODES;
    struct sites_first *first;

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
    if (room > SITES_FAMILY)
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

static void site_init(struct site *site, uint32_t node, uint32_t owner)
{
    *site = (struct site){
        .node = node,
        .thread = owner % SITES_THREADS_MAX,
        .domain = (uint16_t)(owner / SITES_THREADS_MAX % SITES_DOMAINS_MAX),
        .class = (uint16_t)(owner / SITES_THREADS_MAX / SITES_DOMAINS_MAX),
        .smallest = UINT64_MAX,
    };
}

static uint32_t site_new(struct sites *s, uint32_t node, uint32_t owner)
{
    if (!sites_reserve(s))
        return 0;
    site_init(&s->sites[s->count], node, owner);
    return s->count++;
}

void sites_clear(struct sites *s)
{
    for (uint32_t i = 1; i < s->count; i++)
        site_init(&s->sites[i], s->sites[i].node, sites_owner_of(&s->sites[i]));
}

/* ---------------------------------------------------------- the index -- */

/* Where the site is, or the empty place where it belongs. */
static struct sites_place *index_seek(const struct sites *s, uint64_t hash, uint32_t node,
                                      uint32_t owner)
{
    uint32_t mask = s->index_size - 1;

    for (uint32_t i = sites_index_start(hash, s->index_size);; i = (i + 1) & mask)
        if (!s->index[i].site || sites_place_holds(s, &s->index[i], hash, node, owner))
            return &s->index[i];
}

/* Put a place that is known to be absent into an index. */
static void index_copy(struct sites_place *index, uint32_t size, uint64_t hash, uint32_t site)
{
    uint32_t i = sites_index_start(hash, size);

    while (index[i].site)
        i = (i + 1) & (size - 1);
    index[i] = (struct sites_place){.site = site, .check = (uint32_t)hash};
}

/* At most half full after one more. */
static bool index_reserve(struct sites *s)
{
    uint32_t size = s->index_size ? s->index_size * 2 : FIRST_INDEX;
    struct sites_place *index;

    if (s->index_size && s->index_used < s->index_size / 2)
        return true;
    if (size < s->index_size)
        return false;
    index = pages_map((size_t)size * sizeof(*index));
    if (!index)
        return false;
    for (uint32_t i = 0; i < s->index_size; i++) {
        const struct site *site = &s->sites[s->index[i].site];

        if (s->index[i].site)
            index_copy(index, size, sites_hash(site->node, sites_owner_of(site)), s->index[i].site);
    }
    pages_unmap(s->index, (size_t)s->index_size * sizeof(*s->index));
    s->index = index;
    s->index_size = size;
    return true;
}

/* The node's first site becomes this one. */
static uint32_t first_new(struct sites *s, uint32_t node, uint32_t owner)
{
    uint32_t i = site_new(s, node, owner);

    s->first[node] = (struct sites_first){.site = i, .owner = owner};
    return i;
}

/* The node's first site becomes the first of a family; false: out of memory. */
static bool family_new(struct sites *s, uint32_t node)
{
    struct sites_first *f = &s->first[node];
    uint32_t room = s->family_room ? s->family_room * 2 : FIRST_FAMILIES;
    struct sites_family *families;

    if (s->family_count == s->family_room) {
        families = pages_grow(s->families, (size_t)s->family_room * sizeof(*families),
                              (size_t)room * sizeof(*families));
        if (!families)
            return false;
        s->families = families;
        s->family_room = room;
    }
    s->families[s->family_count].sites[sites_owner_class(f->owner)] = f->site;
    f->site = SITES_FAMILY | s->family_count++;
    f->owner = sites_owner_classless(f->owner);
    return true;
}

/* A further size class of the thread and domain that came first. */
static uint32_t family_add(struct sites *s, uint32_t node, uint32_t owner)
{
    uint32_t i;

    if (!(s->first[node].site & SITES_FAMILY) && !family_new(s, node))
        return 0;
    i = site_new(s, node, owner);
    s->families[s->first[node].site & ~SITES_FAMILY].sites[sites_owner_class(owner)] = i;
    return i;
}

uint32_t sites_get_slow(struct sites *s, uint32_t node, uint32_t owner)
{
    uint64_t hash = sites_hash(node, owner);
    struct sites_place *place;
    struct sites_first f;
    uint32_t i;

    if (!first_reserve(s, node))
        return 0;
    f = s->first[node];
    if (!f.site)
        return first_new(s, node, owner);
    i = sites_direct(s, f, owner);
    if (i)
        return i;
    if (sites_owner_classless(f.owner) == sites_owner_classless(owner))
        return family_add(s, node, owner);
    if (!index_reserve(s))
        return 0;
    place = index_seek(s, hash, node, owner);
    if (place->site)
        return place->site;
    *place = (struct sites_place){.site = site_new(s, node, owner), .check = (uint32_t)hash};
    s->index_used += place->site != 0;
    return place->site;
}
