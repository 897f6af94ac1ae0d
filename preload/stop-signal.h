/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signal by which the host holds a thread still where it may not use ptrace
 * (settings.stop_signal; stop_held of record.h).
 */
#ifndef MEMPROF_PRELOAD_STOP_SIGNAL_H
#define MEMPROF_PRELOAD_STOP_SIGNAL_H

/*
 * What a thread waits in goes on afterwards if SA_RESTART says so; pause, sleep, poll and
 * the like return with EINTR (signal(7)).  At an end that is certain a thread that was
 * held stays so.
 */

/* Once, from the constructor.  A program that uses this signal itself goes before. */
void stop_signal_watch(int number);

#endif
