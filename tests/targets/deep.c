// SPDX-License-Identifier: Apache-2.0
/* Recursion to a given depth, allocating at the bottom and on the way.  [DEPTH] */
#include "tally.h"

#include <sys/resource.h>

static struct tally t;
static long every;

NOINLINE static void bottom(void)
{
    for (int i = 0; i < 20; i++) {
        void *p = malloc(11);

        KEEP(p);
        free(p);
    }
    KEEP(malloc(111));
}

NOINLINE static void descend(long n)
{
    if (n == 0) {
        bottom();
    } else {
        if (n % every == 0) {
            KEEP(malloc(7));
            tally_took(&t, 7);
        }
        descend(n - 1);
    }
    KEEP(&n);
}

int main(int argc, char **argv)
{
    long depth = argument(argc, argv, 1, 10000);
    struct rlimit limit = {(rlim_t)1 << 28, RLIM_INFINITY};

    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = (rlim_t)1 << 26;
    setrlimit(RLIMIT_STACK, &limit);
    every = depth < 100 ? 10 : depth / 10;
    descend(depth);
    for (int i = 0; i < 20; i++) {
        tally_took(&t, 11);
        tally_gave(&t, 11);
    }
    tally_took(&t, 111);
    tally_say(&t, "");
    say("depth", depth);
    return 0;
}
