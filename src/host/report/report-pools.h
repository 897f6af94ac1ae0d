/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools, blocks and what they cost (pools.h), for people and as JSON.
 */
#ifndef MEMPROF_HOST_REPORT_POOLS_H
#define MEMPROF_HOST_REPORT_POOLS_H

#include "src/host/pools/pools.h"
#include "src/host/text/strbuf.h"

#include <stdio.h>

struct report_pools_options {
    enum pools_group group;
    enum pools_order order;
    size_t columns; /* width to fit lines into; 0 any */
    size_t limit;   /* rows of lines, and arenas of the map; 0 all */
    bool colour, exact, ascii;
    struct moment moment; /* as given to pools_make */
};

void report_pools_text(struct strbuf *out, const struct profile *p, const struct pools *s,
                       const struct report_pools_options *options);

/* Everything, whatever the limit; the keys are in memprof-json(5).  0, or -1 with `e` set. */
int report_pools_json(FILE *out, const struct profile *p, const struct pools *s,
                      const struct report_pools_options *options, struct error *e);

/*
 * The rows of size classes, or of lines or functions, as CSV in the manner of report-csv.h;
 * memprof-pools(1) describes the columns.  0, or -1 with `e` set.
 */
int report_pools_csv(FILE *out, const struct profile *p, const struct pools *s,
                     const struct report_pools_options *options, struct error *e);

/* The words of --group-by and --by. */
const char *report_pools_group_word(enum pools_group group);
const char *report_pools_order_word(enum pools_order order);

#endif
