/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/process/launch.h"

#include "src/shared/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* -------------------------------------------------------- environment -- */

static bool names(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

struct environment {
    char **entries; /* NULL-terminated; the strings are environ's but for the last two */
    char *preload, *session;
};

static void environment_release(struct environment *v)
{
    free(v->entries);
    free(v->preload);
    free(v->session);
}

/* Ours goes first, so that the program's own preloads are our next allocators. */
static int environment_make(struct environment *v, const struct launch_options *options)
{
    const char *theirs = getenv("LD_PRELOAD");
    size_t count = 0, kept = 0;

    memset(v, 0, sizeof(*v));
    while (environ[count])
        count++;
    v->entries = calloc(count + 3, sizeof(*v->entries));
    if (!v->entries ||
        asprintf(&v->preload, "LD_PRELOAD=%s%s%s", options->preload, theirs && *theirs ? ":" : "",
                 theirs ? theirs : "") < 0 ||
        asprintf(&v->session, SESSION_ENVIRONMENT "=0:%s", options->session) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!names(environ[i], "LD_PRELOAD") && !names(environ[i], SESSION_ENVIRONMENT))
            v->entries[kept++] = environ[i];
    v->entries[kept++] = v->preload;
    v->entries[kept++] = v->session;
    return 0;
}

/* ------------------------------------------------------------ spawning -- */

/* In the child: give it the caller's signal mask and become the program. */
static _Noreturn void execute(const struct launch *l, const struct launch_options *options,
                              char **environment, int report)
{
    int failure;

    pthread_sigmask(SIG_SETMASK, &l->mask, NULL);
    execve(options->program, options->arguments, environment);
    failure = errno;
    (void)!write(report, &failure, sizeof(failure));
    _exit(127);
}

/*
 * Returns an errno value, execve's too: the child reports it through a pipe
 * that a successful execve closes.  Not posix_spawn: glibc's leaves signals 32
 * and 33 ignored in the program.
 */
static int spawn(struct launch *l, const struct launch_options *options, char **environment)
{
    int report[2], failure = 0;

    if (pipe2(report, O_CLOEXEC) != 0)
        return errno;
    l->pid = fork();
    if (l->pid == 0)
        execute(l, options, environment, report[1]);
    if (l->pid < 0)
        failure = errno;
    close(report[1]);
    if (l->pid > 0 && read(report[0], &failure, sizeof(failure)) == (ssize_t)sizeof(failure))
        waitpid(l->pid, NULL, 0);
    close(report[0]);
    return failure;
}

static int spawn_preloaded(struct launch *l, const struct launch_options *options)
{
    struct environment v;
    int failure = ENOMEM;

    if (environment_make(&v, options) == 0)
        failure = spawn(l, options, v.entries);
    environment_release(&v);
    return failure;
}

/* ------------------------------------------------------------- signals -- */

/* Leaves out what memprof was told to ignore, e.g. by nohup. */
static void watched_signals(sigset_t *set, int snapshot_signal)
{
    static const int passed_on[] = {SIGTERM, SIGHUP};
    struct sigaction action;

    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
        if (sigaction(passed_on[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(set, passed_on[i]);
    if (snapshot_signal)
        sigaddset(set, snapshot_signal);
}

/* After the child is there, which must not inherit any of it. */
static void take_over_signals(struct launch *l)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, standard = {.sa_handler = SIG_DFL};

    sigaction(SIGINT, &ignore, &l->interrupt);
    sigaction(SIGQUIT, &ignore, &l->quit);
    sigaction(SIGCHLD, &standard, &l->child); /* ignored, it would reap the child for us */
    sigaction(SIGXFSZ, &ignore,
              &l->too_large); /* a profile too large for ulimit -f: EFBIG will do */
    l->watching = true;
}

int launch_start(struct launch *l, const struct launch_options *options, struct error *e)
{
    sigset_t watched, blocked;
    int failure;

    memset(l, 0, sizeof(*l));
    l->snapshot_signal = options->snapshot_signal;
    watched_signals(&watched, l->snapshot_signal);
    blocked = watched;
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGQUIT);
    l->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (l->signals < 0)
        return error_set(e, ERROR_SYSTEM, "cannot watch for signals");
    pthread_sigmask(SIG_BLOCK, &blocked, &l->mask);
    failure = options->preload ? spawn_preloaded(l, options) : spawn(l, options, environ);
    if (options->preload && failure == E2BIG) {
        l->without_room = true;
        failure = spawn(l, options, environ);
    }
    if (failure == 0)
        take_over_signals(l);
    blocked = l->mask;
    sigorset(&blocked, &blocked, &watched);
    pthread_sigmask(SIG_SETMASK, failure ? &l->mask : &blocked, NULL);
    if (failure) {
        errno = failure;
        return error_set(e, ERROR_EXECUTE, "cannot run %s", options->program);
    }
    return 0;
}

/* Without taking the stops that another of our threads waits for as the tracer (stop.h). */
static bool child_ended(const struct launch *l)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)l->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        return errno == ECHILD;
    return info.si_pid == l->pid &&
           (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
}

static void reap(struct launch *l)
{
    if (l->ended || !child_ended(l))
        return;
    l->ended = true;
    /* Not there when SIGCHLD was ignored as the child ended, before we could change that. */
    if (waitpid(l->pid, &l->wait_status, 0) != l->pid)
        l->wait_status = 0;
}

void launch_handle(struct launch *l)
{
    struct signalfd_siginfo info;

    while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (l->snapshot_signal && (int)info.ssi_signo == l->snapshot_signal)
            l->snapshot_signals++;
        else if (info.ssi_signo != SIGCHLD && !l->ended)
            kill(l->pid, (int)info.ssi_signo);
        else if (info.ssi_signo != SIGCHLD)
            l->interrupted = true;
    reap(l);
}

void launch_watch_interrupts(struct launch *l)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}; /* ignored, they would not be seen */
    sigset_t more;

    watched_signals(&more, l->snapshot_signal);
    if (l->interrupt.sa_handler != SIG_IGN)
        sigaddset(&more, SIGINT);
    if (l->quit.sa_handler != SIG_IGN)
        sigaddset(&more, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, &more, NULL);
    if (l->interrupt.sa_handler != SIG_IGN)
        sigaction(SIGINT, &standard, NULL);
    if (l->quit.sa_handler != SIG_IGN)
        sigaction(SIGQUIT, &standard, NULL);
    signalfd(l->signals, &more, SFD_CLOEXEC | SFD_NONBLOCK);
}

void launch_end(struct launch *l)
{
    if (l->watching) {
        sigaction(SIGINT, &l->interrupt, NULL);
        sigaction(SIGQUIT, &l->quit, NULL);
        sigaction(SIGCHLD, &l->child, NULL);
        sigaction(SIGXFSZ, &l->too_large, NULL);
        pthread_sigmask(SIG_SETMASK, &l->mask, NULL);
        l->watching = false;
    }
    if (l->signals >= 0)
        close(l->signals);
    l->signals = -1;
}
