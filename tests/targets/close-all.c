// SPDX-License-Identifier: Apache-2.0
/* Closes every descriptor but standard output, twice, and goes on allocating, in threads too. */
#define _GNU_SOURCE
#include "threads.h"

static void close_all(void)
{
    close(0);
    for (int fd = 2; fd < 20000; fd++)
        close(fd);
}

NOINLINE static void after_close(void)
{
    for (int i = 0; i < 5000; i++) {
        void *p = malloc(64);

        KEEP(p);
        if (i % 5)
            free(p);
    }
}

static void *run(void *unused)
{
    after_close();
    return unused;
}

int main(void)
{
    struct tally t = {0};

    KEEP(malloc(1));
    close_all();
    after_close();
    close_all();
    pthread_join(start(run, NULL), NULL);
    for (int i = 0; i < 10000; i++) {
        tally_took(&t, 64);
        if (i % 5)
            tally_gave(&t, 64);
    }
    tally_say_flow(&t, "in.after_close.");
    return 0;
}
