// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded, it makes the time of day jump by up to an hour at random, back and forth, as
 * CLOCK_SEED says.  Monotonic clocks, which nobody can set, go on as they are.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *t)
{
    static unsigned calls;
    const char *seed = getenv("CLOCK_SEED");
    long result = syscall(SYS_clock_gettime, clock, t);
    unsigned number =
        __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) + (seed ? (unsigned)*seed : 0);

    if (clock == CLOCK_REALTIME && number % 7 == 0)
        t->tv_sec += (long)(number * 2654435761u % 7200) - 3600;
    return (int)result;
}
