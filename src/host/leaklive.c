// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaklive.h"

#include "src/host/pages.h"

#include <stdlib.h>
#include <string.h>

/* Two passes for a heap of 1 GiB; the ends of so many runs still fit the second-level cache. */
#define RADIX_BITS 13u
#define RADIX (1u << RADIX_BITS)
#define BIRTH_BITS 16u
#define SIZE_IS_BIG UINT32_MAX

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory for the blocks of a search for leaks");
}

/* ----------------------------------------------------------------- taking -- */

static bool is_ignored(const struct model *m, uint32_t site)
{
    return m->sites.sites[site].domain == DOMAIN_IGNORED;
}

static void take_shard(struct leaklive *l, const struct model *m,
                       const struct livetable_shard *shard)
{
    bool ignored = m->totals[DOMAIN_IGNORED].live_blocks != 0;

    for (uint64_t k = 0; shard->entries && k < shard->room && l->count < l->room; k++) {
        const struct livetable_entry *entry = &shard->entries[k];

        if (entry->address_birth && entry->site && !(ignored && is_ignored(m, entry->site)))
            l->rows[l->count++] = *entry;
    }
}

static bool keep_big(struct leaklive *l, uint64_t address, uint64_t size)
{
    struct livetable_big *big = realloc(l->big, ((size_t)l->big_count + 1) * sizeof(*l->big));

    if (!big)
        return false;
    l->big = big;
    l->big[l->big_count++] = (struct livetable_big){.address = address, .size = size};
    return true;
}

static bool take_held(struct leaklive *l, const struct model *m, const struct model_thread *thread)
{
    const struct livetable_block *b = &thread->held;

    if (!thread->holds || thread->held_clears != m->clears || is_ignored(m, b->site) ||
        l->count == l->room)
        return true;
    l->rows[l->count++] =
        (struct livetable_entry){.address_birth = b->address << BIRTH_BITS | b->birth,
                                 .site = b->site,
                                 .size = b->size < SIZE_IS_BIG ? (uint32_t)b->size : SIZE_IS_BIG};
    return b->size < SIZE_IS_BIG || keep_big(l, b->address, b->size);
}

static bool take_bigs(struct leaklive *l, const struct livetable *t)
{
    if (!t->big_count)
        return true;
    l->big = malloc(t->big_count * sizeof(*l->big));
    if (!l->big)
        return false;
    memcpy(l->big, t->big, t->big_count * sizeof(*l->big));
    l->big_count = t->big_count;
    return true;
}

int leaklive_take(struct leaklive *l, const struct collector *c, struct error *e)
{
    const struct model *m = c->model;
    bool whole;

    memset(l, 0, sizeof(*l));
    l->room = m->live.count + c->open + 1;
    if (l->room > LEAKGRAPH_BLOCKS_MAX)
        return error_set(e, ERROR_REFUSED, "more than %u live blocks cannot be searched",
                         LEAKGRAPH_BLOCKS_MAX);
    l->rows = pages_map(l->room * sizeof(*l->rows));
    whole = l->rows && take_bigs(l, &m->live);
    if (whole)
        pages_touch(l->rows, l->room * sizeof(*l->rows));
    for (uint32_t i = 0; whole && i < LIVETABLE_SHARDS; i++)
        take_shard(l, m, &m->live.shards[i]);
    for (uint32_t i = 0; whole && i < c->used; i++)
        whole = !c->streams[i].open || take_held(l, m, &c->streams[i].thread);
    if (whole)
        return 0;
    leaklive_release(l);
    return out_of_memory(e);
}

static void release_rows(struct leaklive *l)
{
    pages_unmap(l->rows, l->room * sizeof(*l->rows));
    l->rows = NULL;
}

void leaklive_release(struct leaklive *l)
{
    release_rows(l);
    pages_unmap(l->sites, l->room * sizeof(*l->sites));
    pages_unmap(l->births, l->room * sizeof(*l->births));
    free(l->big);
    memset(l, 0, sizeof(*l));
}

uint64_t leaklive_memory(const struct leaklive *l)
{
    return l->room * ((l->rows ? sizeof(*l->rows) : 0) + (l->sites ? sizeof(*l->sites) : 0) +
                      (l->births ? sizeof(*l->births) : 0));
}

/* ---------------------------------------------------------------- sorting -- */

/* One stable pass over the bits from `shift` on. */
static void radix_pass(const struct livetable_entry *from, struct livetable_entry *to,
                       uint64_t count, unsigned shift, uint32_t starts[RADIX])
{
    uint32_t sum = 0;

    memset(starts, 0, RADIX * sizeof *starts);
    for (uint64_t i = 0; i < count; i++)
        starts[(from[i].address_birth >> shift) & (RADIX - 1)]++;
    for (uint32_t i = 0; i < RADIX; i++) {
        uint32_t here = starts[i];

        starts[i] = sum;
        sum += here;
    }
    for (uint64_t i = 0; i < count; i++)
        to[starts[(from[i].address_birth >> shift) & (RADIX - 1)]++] = from[i];
}

/* Bits of addresses in which no two differ need no pass. */
static uint64_t differing_bits(const struct leaklive *l)
{
    uint64_t bits = 0;

    for (uint64_t i = 1; i < l->count; i++)
        bits |= l->rows[i].address_birth ^ l->rows[0].address_birth;
    return bits >> BIRTH_BITS << BIRTH_BITS;
}

static bool sort_rows(struct leaklive *l)
{
    uint64_t differ = differing_bits(l);
    struct livetable_entry *other;
    uint32_t starts[RADIX];

    if (!differ)
        return true;
    other = pages_map(l->room * sizeof(*other));
    if (!other)
        return false;
    pages_touch(other, l->count * sizeof(*other));
    for (unsigned shift = (unsigned)__builtin_ctzll(differ); shift < 64; shift += RADIX_BITS) {
        struct livetable_entry *swap = l->rows;

        if (!(differ >> shift & (RADIX - 1)))
            continue;
        radix_pass(l->rows, other, l->count, shift, starts);
        l->rows = other;
        other = swap;
    }
    pages_unmap(other, l->room * sizeof(*other));
    return true;
}

static uint64_t size_of(const struct leaklive *l, const struct livetable_entry *row)
{
    uint64_t address = row->address_birth >> BIRTH_BITS;

    if (row->size != SIZE_IS_BIG)
        return row->size;
    for (uint32_t i = 0; i < l->big_count; i++)
        if (l->big[i].address == address)
            return l->big[i].size;
    return SIZE_IS_BIG;
}

/* The graph drops what is at one address, too, but would number the others anew. */
static int hand_over(struct leaklive *l, struct leakgraph *g, struct error *e)
{
    uint64_t last = 0;

    for (uint64_t i = 0; i < l->count; i++) {
        const struct livetable_entry *row = &l->rows[i];
        uint64_t address = row->address_birth >> BIRTH_BITS;

        if (address == last)
            continue;
        last = address;
        l->sites[g->count] = row->site - 1;
        l->births[g->count] = (uint16_t)row->address_birth;
        if (leakgraph_add_block(g, address, size_of(l, row), e) != 0)
            return -1;
    }
    return 0;
}

int leaklive_sort(struct leaklive *l, struct leakgraph *g, struct error *e)
{
    int result;

    if (!sort_rows(l))
        return out_of_memory(e);
    if (!l->sites)
        l->sites = pages_map(l->room * sizeof(*l->sites));
    if (!l->births)
        l->births = pages_map(l->room * sizeof(*l->births));
    if (!l->sites || !l->births)
        return out_of_memory(e);
    result = leakgraph_reserve(g, (uint32_t)l->count, e);
    if (result == 0)
        result = hand_over(l, g, e);
    if (result == 0)
        release_rows(l);
    return result;
}
