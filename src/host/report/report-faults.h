/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --allocator=pool-debug found, for people: each fault in a sentence, with the
 * stacks that noticed it, allocated the block and freed it.
 */
#ifndef MEMPROF_HOST_REPORT_FAULTS_H
#define MEMPROF_HOST_REPORT_FAULTS_H

#include "src/host/report/report-text.h"

#define REPORT_FAULTS_MAX 20u /* as many are shown; how many more there are is said */

/* Nothing if there are none. */
void report_text_faults(struct strbuf *out, const struct profile *p,
                        const struct report_text_options *options);

/* "double free", "overrun", … */
const char *report_fault_kind(const struct profile_fault *f);

#endif
