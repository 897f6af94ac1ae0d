// SPDX-License-Identifier: Apache-2.0
/*
 * How long it takes to open a profile, and to add up the numbers of its last
 * snapshot.  Files come from tests/tools/make-series, for example:
 *
 *   make-series 50000 1000 many.mprof && open many.mprof
 */
#include "src/host/profile/moments.h"
#include "src/host/profile/snapshot.h"
#include "src/shared/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 5

static int look(const char *path)
{
    uint64_t begun = clock_monotonic_ns(), read, added;
    struct moment last = {MOMENT_AT_EXIT, 0};
    struct profile_stats *stats;
    struct error e = {0};
    struct profile p;

    if (snapshot_read(&p, path, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        return -1;
    }
    read = clock_monotonic_ns();
    if (p.moment_count)
        moment_find(&p, "last", &last, NULL);
    if (moment_stats(&p, last, &stats, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        profile_release(&p);
        return -1;
    }
    added = clock_monotonic_ns();
    printf("%u sites, %u moments: read in %.1f ms, the last snapshot's numbers in %.1f ms\n",
           p.site_count, p.moment_count, (double)(read - begun) * 1e-6,
           (double)(added - read) * 1e-6);
    free(stats);
    profile_release(&p);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: open PROFILE\n");
        return 2;
    }
    for (int i = 0; i < ROUNDS; i++)
        if (look(argv[1]) != 0)
            return 1;
    return 0;
}
