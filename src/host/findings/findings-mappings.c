// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings-parts.h"
#include "src/host/text/units.h"

#define MAPPED_BYTES (UINT64_C(16) << 20)
#define MAPPED_PERCENT 50u /* of heap and mappings together */
#define SURE 0.9

/* A mapping counts as far as it can have been resident: address space costs nothing. */
static uint64_t resident(const struct profile_totals *t)
{
    uint64_t ours = t->own_target_bytes < t->rss_peak_bytes ? t->own_target_bytes : 0;
    uint64_t most = t->rss_peak_bytes - ours;

    return t->rss_peak_bytes && t->mmap_peak_bytes > most ? most : t->mmap_peak_bytes;
}

static int add_finding(struct findings_making *m, uint64_t bytes, const struct view_row *row)
{
    const struct profile_totals *t = &m->profile->totals;
    struct finding *f = finding_add(m, FINDING_MAPPED, bytes, SURE, row);
    char mapped[UNITS_TEXT], heap[UNITS_TEXT], here[UNITS_TEXT];

    if (!f)
        return -1;
    strbuf_addf(&f->text,
                "most of the memory is not heap: the program maps %s itself, and its heap has %s "
                "at the peak; %s of the mappings are made here",
                units_bytes(mapped, t->mmap_peak_bytes, false),
                units_bytes(heap, t->peak_bytes, false),
                units_bytes(here, row->stats.peak_bytes, false));
    return 0;
}

int findings_of_mappings(struct findings_making *m)
{
    const struct profile_totals *t = &m->profile->totals;
    const struct view_options options = {
        .skip = m->skip, .choices = m->choices, .domain = DOMAIN_MMAP, .limit = 1};
    uint64_t bytes = resident(t);
    struct view mapped;
    int result = 0;

    if (bytes < MAPPED_BYTES || !finding_share(bytes, bytes + t->peak_bytes, MAPPED_PERCENT))
        return 0;
    if (view_build(&mapped, m->profile, &options, m->error) != 0)
        return -1;
    if (mapped.row_count)
        result = add_finding(m, bytes, &mapped.rows[0]);
    view_release(&mapped);
    return result;
}
