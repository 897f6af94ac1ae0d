// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/snapshot-open.h"

#include "src/host/symbols/profile-symbolize.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* What a just-in-time compiler has written for the process, and not an earlier one of its number.
 */
static bool find_perf_map(const struct profile *p, char *path, size_t size)
{
    struct stat status;

    snprintf(path, size, "/tmp/perf-%" PRId64 ".map", p->process.pid);
    return !stat(path, &status) && S_ISREG(status.st_mode) &&
           status.st_mtime >= p->process.started_unix;
}

int snapshot_open(struct profile *p, const char *path, struct error *e)
{
    struct symbolizer_options options = {.debug_dir = NULL};
    char perf_map[64];

    if (snapshot_read(p, path, e) != 0)
        return -1;
    if (!p->unnamed)
        return 0;
    if (find_perf_map(p, perf_map, sizeof perf_map))
        options.perf_map = perf_map;
    if (profile_symbolize(p, &options, NULL, e) == 0)
        return 0;
    profile_release(p);
    return -1;
}
