// SPDX-License-Identifier: Apache-2.0
/*
 * Threads cancelled asynchronously in the middle of malloc and free.  The blocks are small
 * enough for the C library's cache of the thread, which takes no lock that the cancelled
 * thread would leave held.  What a thread was about when it ended is not known: it states
 * pairs_at_least and pairs_at_most.  [THREADS]
 */
#include "threads.h"

#include <stdatomic.h>

static _Atomic long begun, done;

NOINLINE static void pairs(void)
{
    for (;;) {
        void *p;

        atomic_fetch_add(&begun, 1);
        p = malloc(40);
        KEEP(p);
        free(p);
        atomic_fetch_add(&done, 1);
    }
}

static void *run(void *unused)
{
    int old;

    free(malloc(40)); /* its arena and its cache are there */
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    pairs();
    return unused;
}

int main(int argc, char **argv)
{
    long threads = argument(argc, argv, 1, 100);

    for (long i = 0; i < threads; i++) {
        pthread_t t = start(run, NULL);

        usleep((useconds_t)(1000 + i * 37 % 1000));
        pthread_cancel(t);
        pthread_join(t, NULL);
    }
    say("pairs_at_least", done);
    say("pairs_at_most", begun);
    return 0;
}
