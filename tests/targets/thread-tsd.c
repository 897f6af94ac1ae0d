// SPDX-License-Identifier: Apache-2.0
/*
 * Allocation in destructors of thread-specific data, four rounds of them,
 * which is as late in a thread's life as the C library lets one run.
 */
#include "threads.h"

#define THREADS 50
#define ROUNDS 4 /* PTHREAD_DESTRUCTOR_ITERATIONS */

static pthread_key_t key;

NOINLINE static void last_words(void *round)
{
    void *p = malloc(300), *q = malloc(40);

    KEEP(p);
    KEEP(q);
    free(q);
    if ((intptr_t)round < ROUNDS)
        pthread_setspecific(key, (void *)((intptr_t)round + 1));
}

static void *run(void *unused)
{
    pthread_setspecific(key, (void *)1);
    return unused;
}

int main(void)
{
    struct tally t = {0};

    pthread_key_create(&key, last_words);
    for (int i = 0; i < THREADS; i++)
        pthread_join(start(run, NULL), NULL);
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        tally_took(&t, 300);
        tally_took(&t, 40);
        tally_gave(&t, 40);
    }
    tally_say(&t, "in.last_words.");
    return 0;
}
