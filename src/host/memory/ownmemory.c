/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/memory/ownmemory.h"

#include "src/shared/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define LATELY_COST 32u

/* RssAnon of /proc/self/status lags behind by some pages a thread; this one is counted anew. */
static uint64_t count(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    char line[256];
    uint64_t kilobytes = 0;

    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "Anonymous: %" SCNu64, &kilobytes) == 1)
            break;
    fclose(file);
    return kilobytes * 1024;
}

static pthread_mutex_t lately_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t lately, lately_until;

static uint64_t thread_ns(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0
               ? (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec
               : 0;
}

/* What it costs is processor time: waiting for a processor makes no number older. */
static uint64_t count_for_later(void)
{
    uint64_t begun = thread_ns();

    lately = count();
    lately_until = clock_monotonic_ns() + LATELY_COST * (thread_ns() - begun);
    return lately;
}

uint64_t ownmemory_bytes(void)
{
    uint64_t bytes;

    pthread_mutex_lock(&lately_lock);
    bytes = count_for_later();
    pthread_mutex_unlock(&lately_lock);
    return bytes;
}

uint64_t ownmemory_bytes_lately(void)
{
    uint64_t bytes;

    pthread_mutex_lock(&lately_lock);
    bytes = clock_monotonic_ns() < lately_until ? lately : count_for_later();
    pthread_mutex_unlock(&lately_lock);
    return bytes;
}

uint64_t ownmemory_segment_bytes(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}
