/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the target that a search for leaks, for which it waits, is done.
 */
#ifndef MEMPROF_HOST_SEARCHANSWER_H
#define MEMPROF_HOST_SEARCHANSWER_H

#include "src/shared/segment.h"

/*
 * All that asked up to the `asked`th may go on (segment_header.searches_asked); at the
 * program's end the numbers are not looked at.  Of two answers the one to the later asking
 * stays.  Any thread.
 */
void search_answer(const struct segment *s, uint32_t asked, uint64_t lost_bytes,
                   uint64_t lost_blocks);

#endif
