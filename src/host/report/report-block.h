/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One live block and the stack it was allocated through: `memprof where`.
 */
#ifndef MEMPROF_HOST_REPORT_BLOCK_H
#define MEMPROF_HOST_REPORT_BLOCK_H

#include "src/host/error.h"
#include "src/host/recording/control.h"
#include "src/host/report/report-text.h"

/*
 * Where in the block `address` lies, its size, domain and age.  The time of a
 * block's allocation is not kept, only the first and the last of its stack: the
 * age lies between those, and is exact where there was only one.  `p` is NULL
 * where there is no file.
 */
void report_block_text(struct strbuf *out, const struct control_answer *a, uint64_t address,
                       const struct profile *p, bool exact);

/*
 * The stack, with source lines.  0, or -1 with `e` set: the file does not hold the
 * block's stack.
 */
int report_block_stack(struct strbuf *out, const struct control_answer *a, const struct profile *p,
                       const struct report_text_options *options, struct error *e);

#endif
