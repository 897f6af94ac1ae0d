// SPDX-License-Identifier: Apache-2.0
/*
 * Uses real-time signals, and changes dispositions in children, which are the children's
 * own: says what comes of it.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <signal.h>
#include <sys/wait.h>

static void *volatile held;
static int number; /* of the signal that children are about */

NOINLINE static void lose(void)
{
    held = malloc(1000);
    held = malloc(77);
}

static void handler(int which)
{
    (void)which;
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void by_kill(void)
{
    kill(getpid(), number);
}

static void by_raise(void)
{
    raise(number);
}

static void by_queue(void)
{
    sigqueue(getpid(), number, (union sigval){.sival_int = 5});
}

static void ignore(void)
{
    signal(number, SIG_IGN);
}

static void handle(void)
{
    signal(number, handler);
}

static void child(const char *what, pid_t (*make)(void), void (*act)(void))
{
    struct sigaction now;
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = make();
    if (pid == 0) {
        act();
        _exit(3);
    }
    waitpid(pid, &status, 0);
    sigaction(number, NULL, &now);
    printf("%d %s: status %x, default here %d\n", number, what, (unsigned)status,
           now.sa_handler == SIG_DFL);
}

/* In the caller's frame, as vfork itself has to be. */
#define BY_VFORK(act)                                                                              \
    do {                                                                                           \
        struct sigaction now;                                                                      \
        int status = 0;                                                                            \
        pid_t pid;                                                                                 \
                                                                                                   \
        fflush(stdout);                                                                            \
        pid = vfork();                                                                             \
        if (pid == 0) {                                                                            \
            act();                                                                                 \
            _exit(3);                                                                              \
        }                                                                                          \
        waitpid(pid, &status, 0);                                                                  \
        sigaction(number, NULL, &now);                                                             \
        printf("%d vfork " #act ": status %x, default here %d\n", number, (unsigned)status,        \
               now.sa_handler == SIG_DFL);                                                         \
    } while (0)

static void children(void)
{
    child("kill", fork, by_kill);
    child("raise", fork, by_raise);
    child("queue", fork, by_queue);
    child("ignore", fork, ignore);
    child("handle", fork, handle);
    BY_VFORK(by_kill);
    BY_VFORK(by_raise);
    BY_VFORK(ignore);
    BY_VFORK(handle);
}

int main(int argc, char **argv)
{
    lose();
    for (int i = 0; i < 3; i++)
        start(wait_for_ever, NULL);
    number = SIGTERM;
    children();
    for (number = SIGRTMIN; number <= SIGRTMAX; number++)
        children();
    fflush(stdout);
    number = argc > 1 ? SIGRTMIN + atoi(argv[1]) : 0;
    if (number)
        kill(getpid(), number);
    return 4;
}
