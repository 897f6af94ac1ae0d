/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signal by which a snapshot is asked for (settings.snapshot_signal).
 */
#ifndef MEMPROF_PRELOAD_SNAPSHOT_SIGNAL_H
#define MEMPROF_PRELOAD_SNAPSHOT_SIGNAL_H

/*
 * Once, from the constructor: handle the signal while the program has its default
 * disposition (disposition.h).  A program that handles or ignores it goes before.
 */
void snapshot_signal_watch(int number);

#endif
