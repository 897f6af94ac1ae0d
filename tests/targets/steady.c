// SPDX-License-Identifier: Apache-2.0
/*
 * Says its process id, allocates until it has a signal SIGTERM, then says how
 * many pairs it made and ends with 0: for killing the host under it.
 */
#include "tally.h"

#include <signal.h>

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
    (void)signal;
    stop = 1;
}

int main(void)
{
    long long pairs = 0;

    signal(SIGTERM, on_term);
    say("pid", getpid());
    while (!stop) {
        void *p = malloc((size_t)(16 + pairs % 64));

        KEEP(p);
        free(p);
        pairs++;
    }
    say("pairs", pairs);
    return 0;
}
