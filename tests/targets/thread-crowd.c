// SPDX-License-Identifier: Apache-2.0
/*
 * Very many threads alive at once (10,000 by default), each of which has
 * allocated before the next is started and frees when all are there.  [THREADS]
 */
#include "threads.h"

static pthread_barrier_t all_here;

NOINLINE static void attend(void)
{
    void *p = malloc(64), *q = malloc(128);

    KEEP(p);
    KEEP(q);
    pthread_barrier_wait(&all_here);
    free(p);
}

static void *run(void *unused)
{
    attend();
    return unused;
}

int main(int argc, char **argv)
{
    long n = argument(argc, argv, 1, 10000);
    pthread_t *t = malloc(sizeof *t * (size_t)n);
    pthread_attr_t attributes;
    struct tally tally = {0};

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 32768);
    pthread_barrier_init(&all_here, NULL, (unsigned)n + 1);
    for (long i = 0; i < n; i++)
        if (pthread_create(&t[i], &attributes, run, NULL)) {
            say("too_few_threads", i);
            _exit(77);
        }
    pthread_barrier_wait(&all_here);
    for (long i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    for (long i = 0; i < n; i++) {
        tally_took(&tally, 64);
        tally_took(&tally, 128);
    }
    for (long i = 0; i < n; i++)
        tally_gave(&tally, 64);
    tally_say(&tally, "in.attend.");
    return 0;
}
