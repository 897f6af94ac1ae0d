// SPDX-License-Identifier: Apache-2.0
/*
 * Allocates and touches memory until there is no more:
 *
 *   exhaust limit   sets RLIMIT_AS itself; malloc fails, and it aborts as programs do then
 *   exhaust kill    goes on until something ends it
 *
 * It states each block before the next is asked for, as in.grow.live_blocks.
 */
#include "tally.h"

#include <sys/resource.h>

#define BLOCK ((size_t)1 << 20)

static long taken;

NOINLINE static void *grow(void)
{
    void *p = malloc(BLOCK);

    KEEP(p);
    return p;
}

static void set_limits(void)
{
    struct rlimit no_core = {0, 0}, limit = {RLIM_INFINITY, RLIM_INFINITY};
    char line[256] = "";
    FILE *f = fopen("/proc/self/statm", "r");

    setrlimit(RLIMIT_CORE, &no_core);
    if (!f || !fgets(line, sizeof line, f))
        _exit(97);
    fclose(f);
    limit.rlim_cur = (rlim_t)strtoll(line, NULL, 10) * 4096 + ((rlim_t)200 << 20);
    setrlimit(RLIMIT_AS, &limit);
}

int main(int argc, char **argv)
{
    void *p;

    if (argc > 1 && !strcmp(argv[1], "limit"))
        set_limits();
    while ((p = grow())) {
        memset(p, 1, BLOCK);
        say("in.grow.live_blocks", ++taken);
    }
    abort();
}
