/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a source line under the place that a report names.
 */
#ifndef MEMPROF_HOST_REPORT_SOURCE_H
#define MEMPROF_HOST_REPORT_SOURCE_H

#include "src/host/report/report-text.h"

/*
 * Append the text of `line` of profile.lines, `indent` columns in, with a word when the
 * file was changed after the run; nothing where it is not to be had or not wanted.
 */
void report_source_line(struct strbuf *out, const struct profile *p, uint32_t line, int indent,
                        const struct report_text_options *options);

#endif
