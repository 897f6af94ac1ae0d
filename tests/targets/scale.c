// SPDX-License-Identifier: Apache-2.0
/*
 * Much of one thing, as the argument says:
 *
 *   scale events N    N allocations and as many frees
 *   scale live N      N blocks of 16 bytes at once
 *   scale stacks N    an allocation from each of N (a power of two) distinct stacks
 *   scale sizes       blocks of 0 bytes, 1 TiB and PTRDIFF_MAX
 */
#include "tally.h"

#include <errno.h>

static struct tally t;

NOINLINE static void pair(void)
{
    void *p = malloc(16);

    KEEP(p);
    free(p);
}

static void events(long n)
{
    for (long i = 0; i < n; i++)
        pair();
    say("in.pair.total_blocks", n);
    say("in.pair.live_blocks", 0);
}

NOINLINE static void *keep(void)
{
    return malloc(16);
}

static void live(long n)
{
    for (long i = 0; i < n; i++)
        KEEP(keep());
    say("in.keep.live_blocks", n);
    say("in.keep.live_bytes", n * 16);
}

NOINLINE static void leaf(void)
{
    KEEP(malloc(8));
}

NOINLINE static void left(long bits, int depth);

/* The path through left and right is the number in binary. */
static void turn(long bits, int depth)
{
    void right(long, int);

    if (depth == 0)
        leaf();
    else if (bits & 1)
        right(bits >> 1, depth - 1);
    else
        left(bits >> 1, depth - 1);
    KEEP(&depth);
}

NOINLINE static void left(long bits, int depth)
{
    turn(bits, depth);
    KEEP(&bits);
}

NOINLINE void right(long bits, int depth)
{
    turn(bits, depth);
    KEEP(&bits);
}

static void stacks(long n)
{
    int depth = 0;

    while ((1L << depth) < n)
        depth++;
    for (long i = 0; i < 1L << depth; i++)
        turn(i, depth);
    say("in.leaf.total_blocks", 1L << depth);
    say("stacks", 1L << depth);
}

NOINLINE static void *odd(size_t size)
{
    void *p = malloc(size);

    KEEP(p);
    if (p) {
        tally_took(&t, size);
        tally_gave(&t, size);
        free(p);
    }
    return p;
}

static void sizes(void)
{
    errno = 0;
    say("zero", odd(0) != NULL);
    say("tebibyte", odd((size_t)1 << 40) != NULL);
    errno = 0;
    say("ptrdiff_max", odd(PTRDIFF_MAX) != NULL);
    say("errno_is_enomem", errno == ENOMEM);
    tally_say_flow(&t, "in.odd.");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    long n = argument(argc, argv, 2, 1 << 16);

    if (!strcmp(what, "events"))
        events(n);
    else if (!strcmp(what, "live"))
        live(n);
    else if (!strcmp(what, "stacks"))
        stacks(n);
    else if (!strcmp(what, "sizes"))
        sizes();
    else
        return 2;
    return 0;
}
