/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/pools/pools-parts.h"

#include <stdlib.h>

struct rows {
    struct profile_size *sizes;
    uint32_t count;
    uint64_t averaged;
};

static void add(struct rows *r, uint32_t site, uint64_t size, uint64_t blocks)
{
    if (blocks)
        r->sizes[r->count++] = (struct profile_size){.size = size, .blocks = blocks, .site = site};
}

/* Two sizes next to each other, so that the sum is kept. */
static void add_site(struct rows *r, uint32_t site, const struct profile_stats *stats)
{
    uint64_t blocks = stats->live_blocks, size = blocks ? stats->live_bytes / blocks : 0;
    uint64_t larger = blocks ? stats->live_bytes % blocks : 0;

    add(r, site, size, blocks - larger);
    add(r, site, size + 1, larger);
    if (blocks > 1 && stats->smallest != stats->largest)
        r->averaged += blocks;
}

int pools_sizes_at(const struct profile *p, struct moment moment, struct profile_size **sizes,
                   uint32_t *count, uint64_t *averaged, struct error *e)
{
    struct profile_stats *stats;
    struct rows r = {0};

    if (moment.place == MOMENT_AT_PEAK && !moment_peak_kept(p))
        return error_set(e, ERROR_INPUT,
                         "the profile does not say what lived at the peak: it was recorded with "
                         "--no-snapshot-at-peak");
    if (moment_stats(p, moment, &stats, e) != 0)
        return -1;
    r.sizes = calloc(2 * (size_t)p->site_count + 1, sizeof(*r.sizes));
    for (uint32_t i = 0; r.sizes && i < p->site_count; i++)
        if (p->sites[i].domain == DOMAIN_HEAP)
            add_site(&r, i, &stats[i]);
    free(stats);
    if (!r.sizes)
        return error_set(e, ERROR_MEMORY, "out of memory");
    *sizes = r.sizes;
    *count = r.count;
    *averaged = r.averaged;
    return 0;
}
