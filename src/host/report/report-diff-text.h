/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A diff for people:
 *   [ Top 10 differences by bytes live ]
 *   +12.4 MiB (now 14.1 MiB)   +52,011 blocks (now 58,200, 250 B each)   cache.c:88 in cache_put
 * with the lines of source where they are found, what the rest sums up to, the
 * sums of both sides, and how their lines were matched.
 */
#ifndef MEMPROF_HOST_REPORT_DIFF_TEXT_H
#define MEMPROF_HOST_REPORT_DIFF_TEXT_H

#include "src/host/diff/diff.h"
#include "src/host/report/report-text.h"
#include "src/host/text/strbuf.h"

/* One side of a diff as reports name it. */
struct diff_side {
    const char *name; /* of the file */
    const struct profile *profile;
    struct moment moment;
    const char *note; /* said below the sides' lines, or NULL */
};

/* The text; `options->sources` tells whether to show source and is not used otherwise. */
void report_diff_text(struct strbuf *out, const struct diff *d, const struct diff_side *before,
                      const struct diff_side *after, const struct report_text_options *options);

/* "live memory", "allocated blocks": what an order is about, for a sentence. */
const char *report_diff_subject(enum view_order order);

/* "+413.3 %", "-2.0 %"; "from nothing" where there was nothing before. */
void report_diff_share(struct strbuf *out, uint64_t before, uint64_t after);

#endif
