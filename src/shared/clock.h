/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock that orders records of different threads.
 *
 * A `free` is stamped before the real free and an allocation after the real
 * malloc, so that with a clock that never runs backwards between processors
 * the block's old life always ends before its new one begins.  On x86 both
 * need the form that waits for earlier loads: a plain rdtsc may execute before
 * the loads inside malloc that observed the other thread's free.
 */
#ifndef MEMPROF_SHARED_CLOCK_H
#define MEMPROF_SHARED_CLOCK_H

#include "src/shared/record.h"

#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static inline uint64_t clock_monotonic_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * For events that must come before what follows (free), and for the host.  A
 * free must also come after whatever handed the block over from the thread
 * that allocated it: a plain rdtsc may execute before that load and put the
 * free before the allocation.
 */
static inline uint64_t clock_before(uint32_t kind)
{
#if defined(__x86_64__)
    unsigned aux;

    if (kind == CLOCK_TSC)
        return __rdtscp(&aux);
#endif
    (void)kind;
    return clock_monotonic_ns();
}

/* For events that must come after what precedes (an allocation that was made). */
static inline uint64_t clock_after(uint32_t kind)
{
#if defined(__x86_64__)
    unsigned aux;

    if (kind == CLOCK_TSC)
        return __rdtscp(&aux);
#endif
    (void)kind;
    return clock_monotonic_ns();
}

#endif
