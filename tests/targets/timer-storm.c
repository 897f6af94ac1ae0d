// SPDX-License-Identifier: Apache-2.0
/*
 * A handler of SIGPROF at 1 kHz that allocates, also in the middle of malloc and of free.
 * libc's allocator does not survive that: see cells-plugin.c.  [SIGNALS]
 */
#define _GNU_SOURCE
#include "tally.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;

NOINLINE static void in_handler(void)
{
    void *p = malloc(24);

    KEEP(p);
    free(p);
}

static void on_profile(int number)
{
    (void)number;
    in_handler();
    signals++;
}

NOINLINE static void meanwhile(void)
{
    void *p = malloc(16);

    KEEP(p);
    free(p);
}

int main(int argc, char **argv)
{
    struct itimerval fast = {{0, 1000}, {0, 1000}}, never = {0};
    struct sigaction action = {.sa_handler = on_profile, .sa_flags = SA_RESTART};
    long wanted = argument(argc, argv, 1, 60);
    long long pairs = 0;

    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &fast, NULL);
    for (; signals < wanted; pairs++)
        meanwhile();
    setitimer(ITIMER_PROF, &never, NULL);
    say("in.meanwhile.total_blocks", pairs);
    say("signals", signals);
    return 0;
}
