/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's answer to a question that a thread of the target asked through
 * memprof.h and waits for (RECORD_QUERY).
 */
#ifndef MEMPROF_HOST_ANSWER_H
#define MEMPROF_HOST_ANSWER_H

#include "src/shared/segment.h"

/*
 * Answer question `sequence` of the thread in `slot` with two numbers, whose
 * meaning is said at enum query, and wake it.  Questions of one slot must be
 * answered in the order in which they were asked.  A slot that does not exist is
 * left alone.  Never blocks.
 */
void answer_query(const struct segment *s, uint32_t slot, uint32_t sequence, uint64_t a,
                  uint64_t b);

#endif
