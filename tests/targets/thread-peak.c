// SPDX-License-Identifier: Apache-2.0
/*
 * The peak over all threads is exact: first one thread holds 10 MB and frees
 * it, then another does.  Seen together they would be 20 MB; they never are.
 */
#include "threads.h"

#include <stdatomic.h>

#define ROUNDS 40
#define BLOCKS 100
#define SIZE 100000

static _Atomic int turn;

NOINLINE static void hold(void)
{
    void *p[BLOCKS];

    for (int i = 0; i < BLOCKS; i++) {
        p[i] = malloc(SIZE);
        KEEP(p[i]);
    }
    for (int i = 0; i < BLOCKS; i++)
        free(p[i]);
}

static void *run(void *number)
{
    int me = (int)(intptr_t)number;

    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_load(&turn) % 2 != me)
            usleep(10);
        hold();
        atomic_fetch_add(&turn, 1);
    }
    return NULL;
}

int main(void)
{
    struct tally t = {0};

    together(2, run);
    for (int i = 0; i < 2 * ROUNDS; i++) {
        for (int k = 0; k < BLOCKS; k++)
            tally_took(&t, SIZE);
        for (int k = 0; k < BLOCKS; k++)
            tally_gave(&t, SIZE);
    }
    tally_say(&t, "in.hold.");
    return 0;
}
