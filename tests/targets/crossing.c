// SPDX-License-Identifier: Apache-2.0
/*
 * Stacks that differ in one frame in the middle and little else: functions that
 * keep a frame pointer or none, with frames of varying size or realigned so that
 * what lies further in comes to the same place.  [STACKS]
 */
#include "tally.h"

#include <alloca.h>
#include <string.h>

static struct tally t;
static unsigned seed = 1;

static unsigned next_number(void)
{
    seed = seed * 1103515245 + 12345;
    return seed >> 16;
}

NOINLINE static void varying(int depth);
NOINLINE static void plain(int depth);
NOINLINE static void realigned(int depth);

static void (*volatile const descend[])(int) = {varying, plain, realigned};

NOINLINE static void allocates(void)
{
    long room[5] = {next_number()};
    void *p = malloc(24);

    KEEP(room);
    free(p);
    tally_took(&t, 24);
    tally_gave(&t, 24);
}

static inline __attribute__((always_inline)) void go_on(int depth)
{
    if (depth > 0)
        descend[next_number() % 3](depth - 1);
    if (depth == 0 || next_number() % 3 == 0)
        allocates();
}

static void varying(int depth)
{
    char *room = alloca(next_number() % 500 + 1);

    room[0] = (char)depth;
    KEEP(room);
    go_on(depth);
    KEEP(room);
}

static void plain(int depth)
{
    go_on(depth);
    KEEP(&depth);
}

static void realigned(int depth)
{
    _Alignas(128) char room[256];

    room[0] = (char)depth;
    KEEP(room);
    go_on(depth);
    KEEP(room);
}

int main(int argc, char **argv)
{
    volatile long rounds = argument(argc, argv, 1, 30000), i;

    for (i = 0; i < rounds; i++)
        descend[next_number() % 3]((int)(next_number() % 12));
    tally_say_flow(&t, "in.allocates.");
    return 0;
}
