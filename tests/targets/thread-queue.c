// SPDX-License-Identifier: Apache-2.0
/*
 * Blocks are allocated on some threads and freed on others, as fast as they
 * go, so that an address freed here is handed out there at once.
 * [THREADS [ROUNDS]]: each thread is both a producer and a consumer.
 */
#include "threads.h"

#include <sched.h>
#include <stdatomic.h>

#define SLOTS 64
#define KEPT 5

static _Atomic(void *) slots[SLOTS];
static long rounds;

static size_t size_of(long thread, long i)
{
    return (size_t)(24 + (thread * 7 + i) % 41 * 8);
}

/* Swap a new block for whatever lies in the slot, and free that. */
NOINLINE static void produce(long thread)
{
    for (long i = 0; i < rounds; i++) {
        void *p = malloc(size_of(thread, i));

        *(long *)p = i;
        p = atomic_exchange(&slots[(thread + i * 3) % SLOTS], p);
        if (p)
            free(p);
    }
    for (int i = 0; i < KEPT; i++)
        KEEP(malloc(555));
}

static void *run(void *number)
{
    produce((long)(intptr_t)number);
    return NULL;
}

int main(int argc, char **argv)
{
    long n = argument(argc, argv, 1, 4);
    struct tally t = {0};

    rounds = argument(argc, argv, 2, 50000);
    if (n > 64)
        return 2;
    together((int)n, run);
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    for (long k = 0; k < n; k++)
        for (long i = 0; i < rounds; i++) {
            tally_took(&t, size_of(k, i));
            tally_gave(&t, size_of(k, i));
        }
    for (long i = 0; i < n * KEPT; i++)
        tally_took(&t, 555);
    tally_say_flow(&t, "in.produce.");
    return 0;
}
