// SPDX-License-Identifier: Apache-2.0
/* realloc and reallocarray in every way that they can go, and requests that fail. */
#define _GNU_SOURCE
#include "tally.h"

#include <errno.h>

static struct tally all;
static int failures;

static void expect(int truth)
{
    failures += !truth;
}

static void *take(size_t size)
{
    tally_took(&all, size);
    return malloc(size);
}

NOINLINE static void grow_in_small_steps(void)
{
    size_t size = 1;
    char *p = take(size);

    while (size < 100000) {
        size_t more = size + size / 3 + 1;

        p = realloc(p, more);
        tally_resized(&all, size, more);
        size = more;
    }
    p = realloc(p, 10); /* shrinks in place */
    tally_resized(&all, size, 10);
    free(p);
    tally_gave(&all, 10);
}

NOINLINE static void move(void)
{
    void *p = take(5000), *barrier = take(5000), *q;

    q = realloc(p, 50000); /* cannot grow in place */
    tally_resized(&all, 5000, 50000);
    expect(q != p);
    q = reallocarray(q, 300, 1000); /* into a mapping of its own */
    tally_resized(&all, 50000, 300000);
    q = realloc(q, 3000000); /* mremap inside libc */
    tally_resized(&all, 300000, 3000000);
    free(barrier);
    tally_gave(&all, 5000);
    KEEP(q); /* stays alive */
}

/* glibc frees and returns NULL. */
NOINLINE static void to_zero(void)
{
    void *p = take(400);

    expect(!realloc(p, 0));
    tally_gave(&all, 400);
    p = take(500);
    expect(!reallocarray(p, 0, 8));
    tally_gave(&all, 500);
    p = realloc(NULL, 0); /* malloc(0) */
    tally_took(&all, 0);
    expect(p != NULL);
    free(p);
    tally_gave(&all, 0);
}

/* Each of these must fail, set ENOMEM (or return it) and leave the old block as it was. */
NOINLINE static int fail(void)
{
    volatile size_t huge = SIZE_MAX / 2 + 100, half = (size_t)1 << 33;
    char *volatile p = take(600);
    void *none = NULL;
    int failed = 0;

    memset(p, 'x', 600);
#define FAILS(call)                                                                                \
    do {                                                                                           \
        errno = 0;                                                                                 \
        expect(!(call) && errno == ENOMEM);                                                        \
        failed++;                                                                                  \
    } while (0)
    FAILS(realloc(p, huge));
    FAILS(reallocarray(p, half, half));
    FAILS(malloc(huge));
    FAILS(calloc(half, half));
    FAILS(calloc(1, huge));
    FAILS(reallocarray(NULL, half, half));
    FAILS(realloc(NULL, huge));
    errno = 0;
    FAILS(aligned_alloc(64, huge));
    expect(posix_memalign(&none, 64, huge) == ENOMEM && !none);
    failed++;
    expect(posix_memalign(&none, 3, 64) == EINVAL && !none);
    failed++;
    expect(p[0] == 'x' && p[599] == 'x');
    return failed; /* p stays alive, as 600 bytes */
}

int main(void)
{
    int failed;

    grow_in_small_steps();
    move();
    to_zero();
    failed = fail();
    tally_say(&all, "");
    say("failed", failed);
    return failures ? 1 : 0;
}
