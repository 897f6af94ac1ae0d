// SPDX-License-Identifier: Apache-2.0
/*
 * Threads cancelled while they allocate (deferred: at a cancellation point of
 * their own, never inside the allocator).  Each counts what it did, and its
 * cleanup handler allocates once more.
 */
#include "threads.h"

#define THREADS 40

struct account {
    long pairs, cleanups;
};

static struct account accounts[THREADS];

NOINLINE static void clean_up(void *a)
{
    struct account *account = a;

    KEEP(malloc(70));
    account->cleanups++;
}

NOINLINE static void spin(struct account *a)
{
    pthread_cleanup_push(clean_up, a);
    for (;;) {
        void *p = malloc(90);

        KEEP(p);
        free(p);
        a->pairs++;
        if (a->pairs % 16 == 0)
            pthread_testcancel();
    }
    pthread_cleanup_pop(0);
}

static void *run(void *number)
{
    spin(&accounts[(intptr_t)number]);
    return NULL;
}

int main(void)
{
    struct tally t = {0}, c = {0};

    for (int i = 0; i < THREADS; i++) {
        pthread_t thread = start(run, (void *)(intptr_t)i);

        usleep((useconds_t)(i * 50));
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        for (long k = 0; k < accounts[i].pairs; k++) {
            tally_took(&t, 90);
            tally_gave(&t, 90);
        }
        for (long k = 0; k < accounts[i].cleanups; k++)
            tally_took(&c, 70);
    }
    /* Only what is not also done by the cleanup handler, which runs on top of spin's frame. */
    tally_say_flow(&c, "in.clean_up.");
    say("pairs", (long long)t.total_blocks);
    say("cancelled", (long long)c.total_blocks);
    return c.total_blocks == THREADS ? 0 : 1;
}
