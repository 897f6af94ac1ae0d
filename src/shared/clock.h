/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of records and stamps: the processor's time-stamp counter where it is
 * invariant, else the system's monotonic clock.
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
 * Ticks of the clock of that kind (enum segment_clock).  Not before the loads that
 * precede it in the program: a plain rdtsc may execute earlier.
 */
static inline uint64_t clock_ticks(uint32_t kind)
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
