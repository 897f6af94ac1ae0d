// SPDX-License-Identifier: Apache-2.0
/* setjmp and longjmp out of deep stacks, between allocations at every depth.  [ROUNDS] */
#include "tally.h"

#include <setjmp.h>

static jmp_buf back;
static struct tally up, down;
static volatile long one = 1;

NOINLINE static void descend(long n, long stop)
{
    void *p = malloc(20);

    KEEP(p);
    free(p);
    tally_took(&down, 20);
    tally_gave(&down, 20);
    if (n == stop)
        longjmp(back, 1);
    if (n < stop + one)
        descend(n + 1, stop);
    KEEP(&n);
}

/* Another frame layout on the same stack, so that what a recorder remembers is wrong. */
NOINLINE static void other_way(long n)
{
    volatile long room[13] = {n};

    KEEP(malloc(44));
    tally_took(&up, 44);
    if (n > 0)
        other_way(n - 1);
    KEEP(room);
}

int main(int argc, char **argv)
{
    volatile long rounds = argument(argc, argv, 1, 500), i;

    for (i = 0; i < rounds; i++) {
        if (!setjmp(back))
            descend(0, i % 61);
        other_way(i % 7);
    }
    tally_say_flow(&down, "in.descend.");
    tally_say_flow(&up, "in.other_way.");
    return 0;
}
