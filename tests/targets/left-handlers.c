// SPDX-License-Identifier: Apache-2.0
/*
 * A timer's handler that leaves by a jump, also in the middle of the allocator's
 * calls (which libc's does not survive: see cells-plugin.c): what the program
 * allocates afterwards is still seen.  [INTERRUPTS]
 */
#define _GNU_SOURCE
#include "tally.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

static struct tally after;
static sigjmp_buf back;

static void on_alarm(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

NOINLINE static void until_interrupted(void)
{
    for (;;) {
        void *p = malloc(32);

        KEEP(p);
        free(p);
    }
}

NOINLINE static void allocates_after(void)
{
    KEEP(malloc(77));
    tally_took(&after, 77);
}

NOINLINE static void allocates_deeper(long n)
{
    volatile char room[256] = {0};

    if (n > 0)
        allocates_deeper(n - 1);
    else
        allocates_after();
    KEEP(room);
}

int main(int argc, char **argv)
{
    struct itimerval soon = {.it_value = {.tv_usec = 500}}, never = {0};
    volatile long rounds = argument(argc, argv, 1, 200), i;

    signal(SIGALRM, on_alarm);
    for (i = 0; i < rounds; i++) {
        if (sigsetjmp(back, 1) == 0) {
            setitimer(ITIMER_REAL, &soon, NULL);
            until_interrupted();
        }
        setitimer(ITIMER_REAL, &never, NULL);
        allocates_deeper(i % 8);
    }
    tally_say_flow(&after, "in.allocates_after.");
    return 0;
}
