/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the program and watching over it: the child gets the terminal,
 * descriptors, signal mask and dispositions that memprof was started with and
 * two environment variables, nothing else.  Meanwhile memprof ignores what the
 * terminal sends to both (SIGINT, SIGQUIT) and passes SIGTERM and SIGHUP on.
 *
 * Single-threaded set-up; the calling thread's signal mask is changed until
 * launch_end.
 */
#ifndef MEMPROF_HOST_LAUNCH_H
#define MEMPROF_HOST_LAUNCH_H

#include "src/host/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launch {
    pid_t pid;
    int signals; /* signalfd: readable when the child changed or a signal is to be passed on */
    int wait_status;
    bool ended;
    bool interrupted;
    bool watching;
    bool
        without_room; /* for what makes it load the recorder, in its environment: it runs without */
    int snapshot_signal;       /* as asked for */
    uint32_t snapshot_signals; /* how many came and are to be dealt with by the caller */
    sigset_t mask;
    struct sigaction interrupt, quit, child, too_large;
};

struct launch_options {
    const char *program;
    char **arguments;
    const char *preload; /* NULL: the environment is left alone */
    const char *session; /* path of the server's socket */
    int snapshot_signal; /* is counted and not passed on; 0: none */
};

/*
 * 0 when the child runs; -1 with `e` set if it cannot be started: kind ERROR_EXECUTE
 * with execve's saved_errno, else memprof itself failed.  Call launch_end in either case.
 */
int launch_start(struct launch *l, const struct launch_options *options, struct error *e);

/* l->signals may be readable: pass signals on, and reap the child if it has ended. */
void launch_handle(struct launch *l);

/*
 * The child has ended, others go on: SIGINT, SIGQUIT, SIGTERM and SIGHUP set l->interrupted
 * from now on.
 */
void launch_watch_interrupts(struct launch *l);

/* Put the signal handling back.  The child is not touched. */
void launch_end(struct launch *l);

#endif
