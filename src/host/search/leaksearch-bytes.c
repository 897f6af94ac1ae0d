// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/growing.h"
#include "src/host/memory/pages.h"
#include "src/host/search/leaksearch-parts.h"

#include <stdlib.h>
#include <string.h>

#define CONTENTS_MAX 20000u
#define HASH_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

/* ----------------------------------------------------------------- contents -- */

static bool add_content(struct leaksearch *s, uint32_t block, uint32_t bytes)
{
    struct profile *p = s->part;
    uint64_t address = s->graph.blocks[block].address, size = leakgraph_size(&s->graph, block);
    struct profile_content *row;

    if (!growing_reserve(&p->contents, p->content_count, sizeof(*p->contents)))
        return false;
    row = &p->contents[p->content_count];
    *row = (struct profile_content){.address = address};
    if (heapcopy_read(&s->copy, address, row->words, size < bytes ? size : bytes))
        p->content_count++;
    return true;
}

static int by_address(const void *x, const void *y)
{
    const struct profile_content *a = x, *b = y;

    return a->address < b->address ? -1 : a->address > b->address;
}

/* What is lost by itself comes first where there is too much. */
int leaksearch_contents(struct leaksearch *s, struct error *e)
{
    static const uint8_t kinds[] = {LEAK_DEFINITE, LEAK_INDIRECT, LEAK_POSSIBLE};
    uint32_t bytes = s->options.contents ? s->options.contents : PROFILE_CONTENTS_BYTES;
    struct profile *p = s->part;

    if (bytes > PROFILE_CONTENTS_BYTES)
        bytes = PROFILE_CONTENTS_BYTES;
    s->about.contents = bytes;
    for (size_t k = 0; k < sizeof(kinds); k++)
        for (uint32_t i = 0; i < s->graph.count && p->content_count < CONTENTS_MAX; i++)
            if (leakgraph_kind(&s->graph, i) == kinds[k] && !add_content(s, i, bytes))
                return error_set(e, ERROR_MEMORY, "out of memory for the contents of blocks");
    if (p->content_count)
        qsort(p->contents, p->content_count, sizeof(*p->contents), by_address);
    return 0;
}

/* --------------------------------------------------------------- duplicates -- */

struct hashed {
    uint64_t hash; /* of size and bytes */
    uint32_t block;
    uint32_t site;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
    unsigned __int128 product = (unsigned __int128)(hash ^ word) * HASH_MULTIPLIER;

    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ (hash << 23 | hash >> 41);
}

/* false: not all of it was copied. */
static bool hash_block(struct leaksearch *s, uint32_t block, uint64_t *hash)
{
    uint64_t address = s->graph.blocks[block].address, left = leakgraph_size(&s->graph, block);
    uint64_t words[512];

    *hash = mix(HASH_MULTIPLIER, left);
    while (left) {
        uint64_t piece = left < sizeof(words) ? left : sizeof(words);

        words[(piece - 1) / 8] = 0;
        if (!heapcopy_read(&s->copy, address, words, piece))
            return false;
        for (uint64_t i = 0; i < (piece + 7) / 8; i++)
            *hash = mix(*hash, words[i]);
        address += piece;
        left -= piece;
    }
    return true;
}

static int by_hash(const void *x, const void *y)
{
    const struct hashed *a = x, *b = y;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    return a->block < b->block ? -1 : a->block > b->block;
}

/* Blocks that are all alike; those of one site together. */
static bool add_alike(struct leaksearch *s, const struct hashed *alike, uint32_t count)
{
    struct profile *p = s->part;
    uint32_t next;

    for (uint32_t i = 0; i < count; i = next) {
        for (next = i + 1; next < count && alike[next].site == alike[i].site;)
            next++;
        if (!growing_reserve(&p->duplicates, p->duplicate_count, sizeof(*p->duplicates)))
            return false;
        p->duplicates[p->duplicate_count++] =
            (struct profile_duplicate){.size = leakgraph_size(&s->graph, alike[i].block),
                                       .blocks = next - i,
                                       .example = s->graph.blocks[alike[i].block].address,
                                       .hash = alike[i].hash,
                                       .site = alike[i].site};
    }
    return true;
}

static bool add_duplicates(struct leaksearch *s, struct hashed *all, uint32_t count)
{
    uint32_t next;

    if (count)
        qsort(all, count, sizeof(*all), by_hash);
    for (uint32_t i = 0; i < count; i = next) {
        for (next = i + 1; next < count && all[next].hash == all[i].hash;)
            next++;
        if (next - i > 1 && !add_alike(s, all + i, next - i))
            return false;
    }
    return true;
}

int leaksearch_duplicates(struct leaksearch *s, struct error *e)
{
    size_t room = ((size_t)s->graph.count + 1) * sizeof(struct hashed);
    struct hashed *all = pages_map(room);
    uint32_t count = 0;
    bool done;

    for (uint32_t i = 0; all && i < s->graph.count; i++) {
        struct hashed *row = &all[count];

        row->block = i;
        row->site = leaklive_site(&s->graph, i);
        count += leakgraph_size(&s->graph, i) != 0 && hash_block(s, i, &row->hash);
    }
    done = all && add_duplicates(s, all, count);
    pages_unmap(all, room);
    return done ? 0 : error_set(e, ERROR_MEMORY, "out of memory for the search for duplicates");
}
