/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a block that comes or goes changes the numbers of its site and of its
 * domain.
 *
 * The peak, exactly and in constant time: every new maximum of a domain's live
 * bytes has a number, the epoch.  A site whose epoch is an earlier one has not
 * changed since the current peak, so its live numbers are still those it had
 * then; they are kept just before its next change.
 */
#ifndef MEMPROF_HOST_ACCOUNT_H
#define MEMPROF_HOST_ACCOUNT_H

#include "src/host/model/model.h"

static inline void site_before_change(struct site *site, const struct model_totals *totals)
{
    if (site->epoch != totals->epoch) {
        site->peak_bytes = site->live_bytes;
        site->peak_blocks = site->live_blocks;
        site->epoch = totals->epoch;
    }
}

/* A block of this size was allocated; where it counts as live is another matter. */
static inline void account_total(struct model *m, struct site *site, uint64_t bytes, uint64_t time)
{
    struct model_totals *totals = &m->totals[site->domain];

    if (site->total_blocks == 0)
        site->first_time = time;
    site->last_time = time;
    site->total_bytes += bytes;
    site->total_blocks++;
    if (bytes < site->smallest)
        site->smallest = bytes;
    if (bytes > site->largest)
        site->largest = bytes;
    totals->total_bytes += bytes;
    totals->total_blocks++;
}

static inline void account_live(struct model *m, struct site *site, uint64_t bytes, uint64_t time)
{
    struct model_totals *totals = &m->totals[site->domain];

    site_before_change(site, totals);
    site->live_bytes += bytes;
    site->live_blocks++;
    totals->live_bytes += bytes;
    totals->live_blocks++;
    if (totals->live_bytes > totals->peak_bytes) {
        totals->peak_bytes = totals->live_bytes;
        totals->peak_blocks = totals->live_blocks;
        totals->peak_time = time;
        totals->epoch++;
    }
}

static inline void account_alloc(struct model *m, struct site *site, uint64_t bytes, uint64_t time)
{
    account_live(m, site, bytes, time);
    account_total(m, site, bytes, time);
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

/*
 * The free of a block that was never seen allocated: a surprise only if nothing was
 * left out.  Returns where it was counted.
 */
static inline uint64_t *account_unknown(struct model *m)
{
    uint64_t *count = m->partial ? &m->untracked_frees : &m->unknown_frees;

    ++*count;
    return count;
}

#endif
