// SPDX-License-Identifier: Apache-2.0
/*
 * Processes of every making while the parent allocates: fork with allocation
 * in the child, vfork and exec, posix_spawn, system, and a fork while other
 * threads are busy allocating.  What the children do is not the parent's.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

extern char **environ;
static _Atomic int stop;

NOINLINE static void in_parent(struct tally *t)
{
    void *p = malloc(1111);

    KEEP(p);
    free(p);
    KEEP(malloc(2222));
    tally_took(t, 1111);
    tally_gave(t, 1111);
    tally_took(t, 2222);
}

NOINLINE static void in_child(void)
{
    for (int i = 0; i < 500; i++)
        KEEP(malloc(777));
}

static int reap(pid_t pid)
{
    int status = -1;

    waitpid(pid, &status, 0);
    return status;
}

static int plain_fork(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        in_child();
        exit(0);
    }
    return reap(pid);
}

static int vfork_and_exec(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    return reap(pid);
}

static int spawn(void)
{
    char name[] = "true", *arguments[] = {name, NULL};
    pid_t pid;

    if (posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ))
        return -1;
    return reap(pid);
}

static void *churn(void *unused)
{
    while (!atomic_load(&stop)) {
        void *p = malloc(50);

        KEEP(p);
        free(p);
    }
    return unused;
}

static int fork_amid_threads(void)
{
    pthread_t t[2] = {start(churn, NULL), start(churn, NULL)};
    int bad = 0;

    for (int i = 0; i < 30; i++)
        bad |= plain_fork();
    atomic_store(&stop, 1);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    return bad;
}

int main(void)
{
    struct tally t = {0};
    int bad = 0;

    in_parent(&t);
    bad |= plain_fork();
    in_parent(&t);
    bad |= vfork_and_exec();
    in_parent(&t);
    bad |= spawn();
    in_parent(&t);
    bad |= system("true");
    in_parent(&t);
    bad |= fork_amid_threads();
    in_parent(&t);
    tally_say_flow(&t, "in.in_parent.");
    say("in.in_child.total_blocks", 0);
    return bad ? 1 : 0;
}
