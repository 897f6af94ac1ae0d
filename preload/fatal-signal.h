/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that are about to end the program by their default action: the host is asked
 * for a search for leaks first.
 */
#ifndef MEMPROF_PRELOAD_FATAL_SIGNAL_H
#define MEMPROF_PRELOAD_FATAL_SIGNAL_H

#include <stdint.h>

/*
 * Once, from the constructor.  All signals whose default action is to end the process, but for
 * the real-time ones, SIGKILL, and those in `except`, a mask of 1 << signal.
 */
void fatal_signal_watch(uint64_t except, uint32_t stop_signal);

#endif
