// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings-parts.h"
#include "src/host/text/units.h"

#define CHURN_BLOCKS 10000u
#define CHURN_PERCENT 10u /* of all blocks of the program */
#define CHURN_OF_LINE 75u /* percent of the line's own */
#define CHURN_WEIGHT 100u /* its bytes were never there at one time */
#define SURE 0.9

static int add_finding(struct findings_making *m, const struct view_row *row)
{
    const struct profile_stats *s = &row->stats;
    struct finding *f = finding_add(m, FINDING_CHURN, s->temporary_bytes, SURE, row);
    char count[UNITS_TEXT], share[UNITS_TEXT], bytes[UNITS_TEXT];

    if (!f)
        return -1;
    f->cost = s->temporary_bytes / CHURN_WEIGHT;
    strbuf_addf(&f->text,
                "%s blocks (%s in all) are made here and freed before their thread allocates "
                "anything else, %s of all that the program allocates: keep one block and use it "
                "again, or take it from the stack",
                units_count(count, s->temporary_blocks),
                units_bytes(bytes, s->temporary_bytes, false),
                units_share(share, s->temporary_blocks, m->profile->totals.total_blocks));
    return 0;
}

int findings_of_churn(struct findings_making *m)
{
    for (size_t i = 0; i < m->heap.row_count; i++) {
        const struct profile_stats *s = &m->heap.rows[i].stats;

        if (s->temporary_blocks >= CHURN_BLOCKS &&
            finding_share(s->temporary_blocks, m->profile->totals.total_blocks, CHURN_PERCENT) &&
            finding_share(s->temporary_blocks, s->total_blocks, CHURN_OF_LINE) &&
            add_finding(m, &m->heap.rows[i]) != 0)
            return -1;
    }
    return 0;
}
