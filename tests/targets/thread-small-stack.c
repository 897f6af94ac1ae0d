// SPDX-License-Identifier: Apache-2.0
/*
 * Threads with the smallest stack there is (16 KiB), which allocate with most
 * of it used: whatever the recorder needs must fit in what is left.
 */
#include "threads.h"

#include <limits.h>
#include <sys/mman.h>

#define THREADS 8
#define STACK 16384

/* The kernel's own share: the thread's descriptor, TLS and a frame or two for libc. */
NOINLINE static void fill_and_allocate(void)
{
    volatile char ballast[6000];

    for (size_t i = 0; i < sizeof ballast; i += 64)
        ballast[i] = 1;
    for (int i = 0; i < 100; i++) {
        void *p = malloc(32);

        KEEP(p);
        free(p);
    }
    KEEP(malloc(500));
    KEEP(ballast);
}

static void *run(void *unused)
{
    fill_and_allocate();
    return unused;
}

int main(void)
{
    struct tally t = {0};

    for (int i = 0; i < THREADS; i++) {
        pthread_attr_t a;
        pthread_t thread;

        pthread_attr_init(&a);
        pthread_attr_setstacksize(&a, STACK);
        if (pthread_create(&thread, &a, run, NULL))
            return 98;
        pthread_join(thread, NULL);
        for (int k = 0; k < 100; k++) {
            tally_took(&t, 32);
            tally_gave(&t, 32);
        }
        tally_took(&t, 500);
    }
    tally_say(&t, "in.fill_and_allocate.");
    return 0;
}
