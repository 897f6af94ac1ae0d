// SPDX-License-Identifier: Apache-2.0
/*
 * Signal handlers on an alternate stack that allocate, raised outside the
 * allocator, through a leaf function and through a fault; and a storm of timer
 * signals that interrupt the allocator itself, whose handler does not allocate.
 */
#define _GNU_SOURCE
#include "tally.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

static struct tally handled;
static volatile sig_atomic_t ticks, wrong_errno;
static sigjmp_buf back;

NOINLINE static void handler_allocates(void)
{
    void *p = malloc(123);

    KEEP(p);
    free(p);
    KEEP(malloc(321));
    tally_took(&handled, 123);
    tally_gave(&handled, 123);
    tally_took(&handled, 321);
}

static void on_usr1(int signal)
{
    (void)signal;
    handler_allocates();
}

static void on_segv(int signal)
{
    (void)signal;
    handler_allocates();
    siglongjmp(back, 1);
}

static void on_tick(int signal)
{
    (void)signal;
    ticks++;
}

static void handle(int signal, void (*handler)(int), int flags)
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = flags};

    sigaction(signal, &a, NULL);
}

NOINLINE static void leaf_fault(volatile int *where)
{
    *where = 1;
}

static void storm(void)
{
    struct itimerval timer = {{0, 200}, {0, 200}}, off = {{0, 0}, {0, 0}};

    handle(SIGALRM, on_tick, SA_RESTART);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (long i = 0; i < 300000 || (ticks < 200 && i < 30000000); i++) {
        void *p;

        errno = 4242;
        p = malloc(60);
        KEEP(p);
        free(p);
        if (errno != 4242)
            wrong_errno++;
    }
    setitimer(ITIMER_REAL, &off, NULL);
}

int main(void)
{
    static char stack[32768];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};

    sigaltstack(&alternate, NULL);
    handle(SIGUSR1, on_usr1, SA_ONSTACK);
    handle(SIGUSR2, on_usr1, 0);
    handle(SIGSEGV, on_segv, SA_ONSTACK | SA_NODEFER);
    for (int i = 0; i < 50; i++) {
        raise(SIGUSR1);
        raise(SIGUSR2);
        if (!sigsetjmp(back, 1))
            leaf_fault(NULL);
    }
    storm();
    tally_say_flow(&handled, "in.handler_allocates.");
    say("wrong_errno", wrong_errno);
    return wrong_errno || ticks < 10;
}
