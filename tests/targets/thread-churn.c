// SPDX-License-Identifier: Apache-2.0
/* Threads that are created and end continuously, four at a time.  [THREADS] */
#include "threads.h"

NOINLINE static void brief(long number)
{
    void *p = malloc(100), *q;

    KEEP(p);
    q = malloc((size_t)(200 + number % 50));
    KEEP(q);
    free(p);
    if (number % 10)
        free(q);
}

static void *run(void *number)
{
    brief((long)(intptr_t)number);
    return NULL;
}

int main(int argc, char **argv)
{
    long n = argument(argc, argv, 1, 4000);
    pthread_t running[4];
    struct tally t = {0};

    for (long i = 0; i < n; i++) {
        if (i >= 4)
            pthread_join(running[i % 4], NULL);
        running[i % 4] = start(run, (void *)(intptr_t)i);
        tally_took(&t, 100);
        tally_took(&t, (uint64_t)(200 + i % 50));
        tally_gave(&t, 100);
        if (i % 10)
            tally_gave(&t, (uint64_t)(200 + i % 50));
    }
    for (long i = n < 4 ? 0 : n - 4; i < n; i++)
        pthread_join(running[i % 4], NULL);
    tally_say_flow(&t, "in.brief.");
    return 0;
}
