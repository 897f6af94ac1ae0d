/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a thread called us to ask for a search for leaks: the search takes the caller's stack
 * and the registers that calls preserve for roots, not what our own frames and calls left in
 * others.
 */
#ifndef MEMPROF_PRELOAD_ASKER_H
#define MEMPROF_PRELOAD_ASKER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Before search_ask, by the thread that asks; `frame` is FRAME of the function that the program
 * called.  It counts until the search that is asked for next is answered.  Needs a session;
 * async-signal-safe.  Without a free entry the search takes all that the thread has.
 */
void asker_note(const uint64_t *frame);

/*
 * Whether this thread, where its stack pointer is this, waits for a search that it asked for, in
 * our own frames and not in a handler that came in there.  Needs a session; async-signal-safe.
 */
bool asker_waits(uint64_t stack_pointer);

#endif
