// SPDX-License-Identifier: Apache-2.0
/* Forks in a loop while other threads allocate; every child allocates and ends.  [FORKS] */
#include "threads.h"

#include <stdatomic.h>
#include <sys/wait.h>

static _Atomic int stop;
static _Atomic long long pairs;

NOINLINE static void pair(size_t size)
{
    void *p = malloc(size);

    KEEP(p);
    free(p);
}

static void *churn(void *unused)
{
    while (!atomic_load(&stop)) {
        pair(50);
        atomic_fetch_add(&pairs, 1);
    }
    return unused;
}

NOINLINE static void in_child(void)
{
    for (int i = 0; i < 100; i++)
        KEEP(malloc(777));
}

int main(int argc, char **argv)
{
    long forks = argument(argc, argv, 1, 1000), bad = 0;
    pthread_t t[2] = {start(churn, NULL), start(churn, NULL)};

    for (long i = 0; i < forks; i++) {
        int status = -1;
        pid_t pid = fork();

        if (pid == 0) {
            in_child();
            _exit((int)(i % 100));
        }
        waitpid(pid, &status, 0);
        bad += !WIFEXITED(status) || WEXITSTATUS(status) != i % 100;
    }
    atomic_store(&stop, 1);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    say("in.pair.total_blocks", pairs);
    say("children_that_ended_otherwise", bad);
    return bad ? 1 : 0;
}
