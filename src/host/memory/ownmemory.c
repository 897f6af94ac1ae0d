/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/memory/ownmemory.h"

#include "src/shared/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#define LATELY_COST 32u

/* RssAnon of /proc/self/status lags behind by some pages a thread; this one is counted anew. */
uint64_t ownmemory_bytes(void)
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

uint64_t ownmemory_bytes_lately(void)
{
    uint64_t begun = clock_monotonic_ns(), ended, bytes;

    pthread_mutex_lock(&lately_lock);
    if (begun >= lately_until) {
        lately = ownmemory_bytes();
        ended = clock_monotonic_ns();
        lately_until = ended + LATELY_COST * (ended - begun);
    }
    bytes = lately;
    pthread_mutex_unlock(&lately_lock);
    return bytes;
}

uint64_t ownmemory_segment_bytes(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}
