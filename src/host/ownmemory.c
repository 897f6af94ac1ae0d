/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/ownmemory.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

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

uint64_t ownmemory_segment_bytes(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}
