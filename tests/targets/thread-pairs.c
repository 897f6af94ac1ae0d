// SPDX-License-Identifier: Apache-2.0
/* threads N, each with pairs of its own; each thread leaves ten blocks.  [N [PAIRS]] */
#include "threads.h"

static long pairs;

NOINLINE static void work(long number)
{
    for (long i = 0; i < pairs; i++) {
        void *p = malloc((size_t)(16 + i % 100));

        KEEP(p);
        free(p);
    }
    for (int i = 0; i < 10; i++)
        KEEP(malloc((size_t)(1000 + number)));
}

static void *run(void *number)
{
    work((long)(intptr_t)number);
    return NULL;
}

int main(int argc, char **argv)
{
    long n = argument(argc, argv, 1, 8);
    struct tally t = {0};

    pairs = argument(argc, argv, 2, 20000);
    if (n > 64)
        return 2;
    together((int)n, run);
    for (long k = 0; k < n; k++) {
        for (long i = 0; i < pairs; i++) {
            tally_took(&t, (uint64_t)(16 + i % 100));
            tally_gave(&t, (uint64_t)(16 + i % 100));
        }
        for (int i = 0; i < 10; i++)
            tally_took(&t, (uint64_t)(1000 + k));
    }
    tally_say_flow(&t, "in.work.");
    return 0;
}
