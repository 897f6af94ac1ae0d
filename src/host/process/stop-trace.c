// SPDX-License-Identifier: Apache-2.0
/*
 * Holding threads by ptrace: PTRACE_SEIZE and PTRACE_INTERRUPT, ptrace(2).
 *
 * A thread of our own does it and ends with the hold.  The kernel lets go of whatever
 * a tracer's thread leaves behind when it ends: of a thread that did not stop in time
 * too, which PTRACE_DETACH refuses and which would otherwise stop later, for ever.
 *
 * Stops are only looked at, never taken (WNOWAIT): so the signal that a thread was
 * about to be given is given to it by the kernel even if this process is killed.
 */
#include "src/host/process/stop-parts.h"

#include "src/host/process/procinfo.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

struct stop_tracer {
    pthread_t thread;
    sem_t held, go_on;
    struct stopped *stopped;
    struct error *error;
    int result;
};

static bool ask(struct stopped *s, struct stopped_thread *t, struct error *e)
{
    (void)s;
    if (ptrace(PTRACE_SEIZE, t->tid, NULL, NULL) == 0 &&
        ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) == 0)
        return true;
    /* the kernel refuses what is ending, too */
    if (errno == ESRCH || procinfo_start_ticks(t->tid) == 0) {
        t->state = STOP_GONE;
        return true;
    }
    error_set(e, ERROR_REFUSED, "ptrace is not permitted");
    return false;
}

/* A tracer has to wait for the threads of others that ended; a process's end is its parent's. */
static void gone(const struct stopped *s, struct stopped_thread *t)
{
    siginfo_t info;

    t->state = STOP_GONE;
    if (t->tid != s->pid)
        waitid(P_PID, (id_t)t->tid, &info, WEXITED | WNOHANG | __WALL);
}

static void look(struct stopped *s, struct stopped_thread *t)
{
    siginfo_t info = {.si_pid = 0};
    bool interrupted;

    if (waitid(P_PID, (id_t)t->tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) != 0) {
        if (errno == ECHILD)
            t->state = STOP_GONE;
        return;
    }
    if (info.si_pid == 0)
        return;
    if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
        gone(s, t);
        return;
    }
    /* An event stop is ours or that of a stopped process; else a signal came first. */
    interrupted = info.si_status >> 8 == PTRACE_EVENT_STOP;
    if (!stop_registers(t, interrupted, s->scratch))
        return;
    t->signal = interrupted ? 0 : info.si_status & 0x7f;
    t->state = STOP_HELD;
}

void stop_let_go(struct stopped *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->threads[i].state == STOP_HELD)
            ptrace(PTRACE_DETACH, s->threads[i].tid, NULL, (long)s->threads[i].signal);
}

int stop_all_here(struct stopped *s, struct error *e)
{
    int result = -1;

    s->scratch = aligned_alloc(64, STOP_SCRATCH);
    if (!s->scratch)
        return error_set(e, ERROR_MEMORY, "out of memory");
    result = stop_all(s, ask, look, e);
    if (result != 0)
        stop_let_go(s);
    free(s->scratch);
    s->scratch = NULL;
    return result;
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR)
        continue;
}

static void *trace(void *context)
{
    struct stop_tracer *tracer = context;

    tracer->result = stop_all_here(tracer->stopped, tracer->error);
    sem_post(&tracer->held);
    if (tracer->result == 0) {
        wait_for(&tracer->go_on);
        stop_let_go(tracer->stopped);
    }
    return NULL;
}

/* Signals to this process are for its other threads. */
static int start(struct stop_tracer *tracer)
{
    sigset_t all, before;
    int failure;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&tracer->thread, NULL, trace, tracer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

static void finish(struct stopped *s)
{
    struct stop_tracer *tracer = s->tracer;

    pthread_join(tracer->thread, NULL);
    sem_destroy(&tracer->held);
    sem_destroy(&tracer->go_on);
    free(tracer);
    s->tracer = NULL;
}

int stop_by_ptrace(struct stopped *s, struct error *e)
{
    struct stop_tracer *tracer = malloc(sizeof(*tracer));
    int result;

    if (!tracer)
        return error_set(e, ERROR_MEMORY, "out of memory");
    *tracer = (struct stop_tracer){.stopped = s, .error = e};
    s->tracer = tracer;
    sem_init(&tracer->held, 0, 0);
    sem_init(&tracer->go_on, 0, 0);
    errno = start(tracer);
    if (errno != 0) {
        free(tracer);
        s->tracer = NULL;
        return error_set(e, ERROR_SYSTEM, "cannot start the thread that holds the program");
    }
    wait_for(&tracer->held);
    result = tracer->result;
    if (result != 0)
        finish(s);
    return result;
}

void stop_resume_ptrace(struct stopped *s)
{
    sem_post(&s->tracer->go_on);
    finish(s);
}
