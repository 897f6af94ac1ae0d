// SPDX-License-Identifier: Apache-2.0
/* Frames of odd shapes: alloca, arrays of variable length, a realigned stack, very large frames. */
#include "tally.h"

#include <alloca.h>

static struct tally t;

NOINLINE static void bottom(void)
{
    void *p = malloc(17);

    KEEP(p);
    free(p);
    KEEP(malloc(18));
    tally_took(&t, 17);
    tally_gave(&t, 17);
    tally_took(&t, 18);
}

NOINLINE static void with_alloca(int n)
{
    volatile char *p = alloca((size_t)(n * 16 + 8));

    p[0] = 1;
    bottom();
    KEEP(p);
}

NOINLINE static void realigned(int n)
{
    volatile char __attribute__((aligned(128))) line[128];

    line[n % 128] = 1;
    with_alloca(n);
    bottom();
    KEEP(line);
}

/* A realigned frame that also moves its stack pointer: the argument pointer idiom of GCC. */
NOINLINE static void realigned_with_alloca(int n)
{
    volatile char __attribute__((aligned(64))) line[64];
    volatile char *p = alloca((size_t)(n * 32 + 1));

    line[n % 64] = p[0] = 1;
    realigned(n);
    KEEP(line);
    KEEP(p);
}

NOINLINE static void large(int n)
{
    volatile char room[40000];

    room[n] = 1;
    realigned_with_alloca(n);
    KEEP(room);
}

int main(void)
{
    for (int i = 0; i < 200; i++) {
        large(i % 37);
        with_alloca(i % 50);
    }
    tally_say(&t, "in.bottom.");
    return 0;
}
