/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word in a segment that tells its program that memprof lives: the kernel sets
 * FUTEX_OWNER_DIED in it whatever ends the thread that holds it, since it is in that
 * thread's list of robust futexes (get_robust_list(2), and the kernel's
 * Documentation/locking/robust-futexes.rst).
 *
 * The list's own links lie in memory of memprof's alone.  A robust pthread_mutex_t would
 * have them beside the word, in memory that the program can write to, and whoever unlocks
 * one follows and writes to what they say.
 *
 * The list takes the place of libc's in the threads that hold a segment: these must hold no
 * robust mutex.
 */
#ifndef MEMPROF_HOST_ALIVE_H
#define MEMPROF_HOST_ALIVE_H

#include <stdint.h>

/* Map a segment's `bytes` of `fd` for reading and writing; MAP_FAILED with errno set. */
void *alive_map(int fd, uint64_t bytes);

/* The calling thread holds the segment at `base`, which is formatted.  0, or an errno value. */
int alive_hold(void *base);

/* Any thread: it is not held any more, if it was; unmap it. */
void alive_unmap(void *base, uint64_t bytes);

#endif
