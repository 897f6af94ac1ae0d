/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that look for findings share.  Only findings*.c use this.
 */
#ifndef MEMPROF_HOST_FINDINGS_PARTS_H
#define MEMPROF_HOST_FINDINGS_PARTS_H

#include "src/host/findings/findings.h"
#include "src/host/view/courses.h"

struct findings_making {
    struct findings *findings;
    const struct profile *profile;
    const struct skiplist *skip;
    const struct line_choice *choices; /* with that */
    struct suppressions *suppressions; /* NULL: see findings_make */
    struct view heap;                  /* all lines of the heap */
    struct courses courses;            /* of the lines that rose by FINDINGS_RISE or more */
    struct error *error;
};

#define FINDINGS_RISE (UINT64_C(16) << 10)

/*
 * A new finding with an empty text and a cost that is `bytes`; `row` NULL: of no line.
 * NULL when memory ran out, which findings_make notices by itself.
 */
struct finding *finding_add(struct findings_making *m, enum finding_kind kind, uint64_t bytes,
                            double confidence, const struct view_row *row);

/* The place of a row as words of a text. */
void finding_place(struct strbuf *out, const struct profile *p, const struct view_row *row);

/* Whether `part` is `percent` or more of `whole`. */
static inline bool finding_share(uint64_t part, uint64_t whole, unsigned percent)
{
    return (double)part * 100 >= (double)whole * percent;
}

/* Each looks for its kinds.  0, or -1 with the error set. */
int findings_of_leaks(struct findings_making *m);
int findings_of_growth(struct findings_making *m);
int findings_of_churn(struct findings_making *m);
int findings_of_peak(struct findings_making *m);
int findings_of_sizes(struct findings_making *m);
int findings_of_pages(struct findings_making *m);
int findings_of_mappings(struct findings_making *m);

#endif
