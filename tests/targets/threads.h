/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and joining threads in the targets. */
#ifndef MEMPROF_TESTS_TARGETS_THREADS_H
#define MEMPROF_TESTS_TARGETS_THREADS_H

#include "tally.h"

#include <pthread.h>

static inline pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t t;

    if (pthread_create(&t, NULL, run, argument))
        _exit(98);
    return t;
}

/* Runs `count` (at most 64) threads at once, each with its number. */
static inline void together(int count, void *(*run)(void *))
{
    pthread_t t[64];

    for (int i = 0; i < count; i++)
        t[i] = start(run, (void *)(intptr_t)i);
    for (int i = 0; i < count; i++)
        pthread_join(t[i], NULL);
}

#endif
