/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the host for a search for leaks, and waiting until it has held this process
 * still, copied what it needs and answered (record.h, searches_asked).
 *
 * No record is made and errno is kept.  Async-signal-safe; any number of threads may wait
 * at once.  Waiting ends when the host is dead, and at nothing else.
 */
#ifndef MEMPROF_PRELOAD_SEARCH_H
#define MEMPROF_PRELOAD_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether this process is recorded, and is that process: not a child by vfork or fork.  Not
 * once it has confined itself.
 */
bool search_possible(void);

/* Ask, what was written to segment_header.ending before included, and wait.  false: no answer. */
bool search_ask(void);

/* Ask, wait, and take the numbers of the answer.  false: no answer, or nothing was searched. */
bool search_lost(uint64_t *bytes, uint64_t *blocks);

/* Wait for whatever is being searched now, if anything. */
void search_await_others(void);

/* Whether a search is under way. */
bool search_pending(void);

#endif
