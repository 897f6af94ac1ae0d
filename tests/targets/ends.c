// SPDX-License-Identifier: Apache-2.0
/*
 * Ends in the way that it is told: return exit _exit _Exit quick_exit abort
 * term kill segv main-thread other-thread.  What was allocated until then must
 * all be there.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <signal.h>
#include <sys/resource.h>

NOINLINE static void until_the_end(void)
{
    for (int i = 0; i < 3000; i++) {
        void *p = malloc((size_t)(10 + i % 10));

        KEEP(p);
        if (i % 3)
            free(p);
    }
}

static void *outlive_main(void *unused)
{
    usleep(50000);
    until_the_end();
    return unused;
}

static void *exit_here(void *unused)
{
    until_the_end();
    exit(7);
    return unused;
}

static void state(void)
{
    struct tally t = {0};

    for (int i = 0; i < 3000; i++) {
        tally_took(&t, (uint64_t)(10 + i % 10));
        if (i % 3)
            tally_gave(&t, (uint64_t)(10 + i % 10));
    }
    tally_say_flow(&t, "in.until_the_end.");
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    state();
#define HOW(word) (!strcmp(how, word))
    if (HOW("main-thread")) {
        start(outlive_main, NULL);
        pthread_exit(NULL);
    }
    if (HOW("other-thread")) {
        start(exit_here, NULL);
        pause();
    }
    until_the_end();
    if (HOW("exit"))
        exit(7);
    if (HOW("_exit"))
        _exit(7);
    if (HOW("_Exit"))
        _Exit(7);
    if (HOW("quick_exit"))
        quick_exit(7);
    if (HOW("abort"))
        abort();
    if (HOW("kill"))
        kill(getpid(), SIGKILL);
    if (HOW("term"))
        kill(getpid(), SIGTERM);
    if (HOW("segv"))
        *(volatile int *)NULL = 1;
    return 7;
}
