// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/history.h"

#include "src/host/profile/changes.h"
#include "src/host/view/filter.h"
#include "src/host/view/linechoice.h"

#include <stdlib.h>

/* A byte a site, not 0 where it passes filter and domain; NULL with `e` set. */
static uint8_t *passing_sites(const struct profile *p, const struct view_options *options,
                              struct error *e)
{
    static const struct filter everything;
    const struct filter *filter = options->filter ? options->filter : &everything;
    struct line_choice *choices = line_choices(p, options->skip);
    uint8_t *passing;

    if (!choices) {
        error_set(e, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    passing = filter_sites(filter, p, choices, e);
    free(choices);
    for (uint32_t i = 0; passing && i < p->site_count; i++)
        passing[i] = passing[i] && view_has_domain(options->domain, p->sites[i].domain);
    return passing;
}

/* Differences are modulo 2^64, and so are their sums. */
static void amount_add(struct view_amount *sum, uint64_t bytes, uint64_t blocks)
{
    sum->bytes += bytes;
    sum->blocks += blocks;
}

static int add_moments(struct history *h, const struct profile *p, const uint8_t *passing,
                       struct error *e)
{
    struct view_amount live = {0, 0};

    for (uint32_t m = 0; m < p->moment_count; m++) {
        struct profile_change *rows;
        uint32_t count;

        if (changes_decode(&p->changes[m], p->site_count, &rows, &count, e) != 0)
            return -1;
        for (uint32_t i = 0; i < count; i++)
            if (passing[rows[i].site])
                amount_add(&live, rows[i].stats.live_bytes, rows[i].stats.live_blocks);
        free(rows);
        h->moments[m] = live;
    }
    return 0;
}

int history_make(struct history *h, const struct profile *p, const struct view_options *options,
                 struct error *e)
{
    uint8_t *passing = passing_sites(p, options, e);
    int result = -1;

    *h = (struct history){.moments = malloc(((size_t)p->moment_count + 1) * sizeof *h->moments)};
    if (passing && !h->moments)
        error_set(e, ERROR_MEMORY, "out of memory");
    else if (passing)
        result = add_moments(h, p, passing, e);
    for (uint32_t i = 0; result == 0 && i < p->site_count; i++) {
        const struct profile_stats *s = &p->sites[i].stats;

        if (!passing[i])
            continue;
        amount_add(&h->end, s->live_bytes, s->live_blocks);
        amount_add(&h->peak, s->peak_bytes, s->peak_blocks);
    }
    free(passing);
    if (result != 0)
        history_release(h);
    return result;
}

void history_release(struct history *h)
{
    free(h->moments);
    *h = (struct history){0};
}
