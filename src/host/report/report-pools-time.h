/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How full memprof's pools were over the time of a run, by the counts that its snapshots
 * and checkpoints have.
 */
#ifndef MEMPROF_HOST_REPORT_POOLS_TIME_H
#define MEMPROF_HOST_REPORT_POOLS_TIME_H

#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"

struct pools_time_options {
    size_t columns; /* to fit into; 0: a good width */
    bool ascii, exact;
};

/*
 * Append a line for what was mapped, one for what blocks in use took of it, and the
 * moment when they took the smallest part.  Nothing, and false, with fewer than two counts.
 */
bool report_pools_time(struct strbuf *out, const struct profile *p,
                       const struct pools_time_options *options);

#endif
