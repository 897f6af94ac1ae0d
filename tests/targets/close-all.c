// SPDX-License-Identifier: Apache-2.0
/*
 * Closes every descriptor but standard output, twice, and goes on allocating, in threads too.
 *
 *   close-all                and states what it did
 *   close-all closefrom      by closefrom
 *   close-all daemon FILE    as a daemon, which states it in FILE
 */
#define _GNU_SOURCE
#include "threads.h"

#include <stdbool.h>

static bool at_once;

static void close_all(void)
{
    close(0);
    if (at_once) {
        closefrom(2);
        return;
    }
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

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    struct tally t = {0};

    KEEP(malloc(1));
    at_once = *how != '\0';
    if (!strcmp(how, "daemon") && daemon(1, 0) != 0)
        return 2;
    close_all();
    after_close();
    close_all();
    pthread_join(start(run, NULL), NULL);
    for (int i = 0; i < 10000; i++) {
        tally_took(&t, 64);
        if (i % 5)
            tally_gave(&t, 64);
    }
    if (!strcmp(how, "daemon") && (argc < 3 || !freopen(argv[2], "w", stdout)))
        return 2;
    tally_say_flow(&t, "in.after_close.");
    return 0;
}
