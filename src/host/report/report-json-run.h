/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of JSON reports that are about the run and not about rows of it.  The
 * keys are described in memprof-json(5).  Every function returns a value that the
 * caller owns, NULL when memory runs out.
 */
#ifndef MEMPROF_HOST_REPORT_JSON_RUN_H
#define MEMPROF_HOST_REPORT_JSON_RUN_H

#include "src/host/profile/profile.h"

#include <jansson.h>

struct filter; /* filter.h */

json_t *report_json_process(const struct profile *p);
json_t *report_json_totals(const struct profile *p);
json_t *report_json_loss(const struct profile *p);
json_t *report_json_timeline(const struct profile *p);
json_t *report_json_domains(const struct profile *p);
json_t *report_json_marks(const struct profile *p);

/* profile.moments[index] */
json_t *report_json_snapshot(const struct profile *p, uint32_t index);

/* The patterns of one kind, as they were given; `filter` may be NULL. */
json_t *report_json_patterns(const struct filter *filter, bool include);

#endif
