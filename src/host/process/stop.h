/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding all threads of a process still, to look at its registers and memory.
 *
 * By ptrace (seize and interrupt: no signal is sent, none gets lost, and a group stop
 * stays one) where that is allowed; else by settings.stop_signal of the segment
 * (record.h).  Threads that appear while others are being stopped are stopped too.  A
 * thread that ends meanwhile is left out; one that does not stop in STOP_WAIT_NS (it is
 * in uninterruptible sleep, or blocks the signal) is counted as missed.
 *
 * System calls that were waiting go on to wait.  Stopped by ptrace, one that the kernel
 * would end with EINTR (epoll_wait, a socket with a time limit) is begun again, its
 * time limit too; stopped by the signal, such a call fails with EINTR.
 *
 * A thread of this process is the tracer for as long as the target is held, so that
 * stop_threads and stop_resume may be called by any thread.  Whatever ends this process
 * lets the target run on.  Nothing here takes a child's exit status away: whoever waits
 * for the target sees it; so must they use waitid with WNOWAIT and look whether it ended,
 * since waitpid would take the stops (launch.c).
 */
#ifndef MEMPROF_HOST_STOP_H
#define MEMPROF_HOST_STOP_H

#include "src/host/error.h"
#include "src/shared/segment.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STOP_WAIT_NS UINT64_C(1000000000) /* for all threads together */
#define STOP_REGISTERS 32u
#define STOP_BLOCKED_NS UINT64_C(20000000) /* a thread that blocks the signal is waited for */

enum stop_how {
    STOP_AUTO = 0, /* ptrace, else the signal */
    STOP_BY_PTRACE,
    STOP_BY_SIGNAL,
};

struct stopped_thread {
    pid_t tid;
    bool missed;             /* it runs on: nothing below is known */
    bool ending;             /* registers and stack pointer are those of segment_header.ending */
    bool calling;            /* ... of one of segment_header.askers: it has no red zone */
    uint64_t stack_pointer;  /* the red zone lies below it */
    uint64_t thread_pointer; /* fs base; 0: unknown */
    uint64_t registers[STOP_REGISTERS]; /* general ones; none by the signal: on the stack */
    const char *names[STOP_REGISTERS];  /* "rax", ... static */
    uint32_t register_count;
    uint64_t *extended; /* vector registers, word by word; NULL: none */
    uint32_t extended_count;
    /* stop-*.c's own */
    uint8_t state; /* enum stop_state */
    bool asking;   /* it said so: see STOP_ASKING */
    int signal;    /* that it was about to be given, and gets when it runs on */
};

struct stopped {
    pid_t pid;
    enum stop_how how; /* how it was done: STOP_BY_PTRACE or STOP_BY_SIGNAL */
    struct stopped_thread *threads;
    uint32_t count, room, missed;
    uint32_t
        signal; /* of stop_by_signal: the segment's, read once, since the target may write it */
    uint64_t wait_ns;            /* for all threads together; 0: STOP_WAIT_NS */
    uint64_t began_ns, ended_ns; /* CLOCK_MONOTONIC: held from, and until stop_resume */
    const struct segment *segment;
    struct stop_tracer *tracer; /* stop-trace.c */
    uint8_t *scratch;           /* stop-trace.c, while it stops threads */
};

/*
 * Whether this process may trace `pid`, its child, by ptrace: asked once, when it starts.
 * The process notices nothing.
 */
bool stop_can_trace(pid_t pid);

/* Why ptrace was refused, in words: -1 with `e` set (ERROR_REFUSED). */
int stop_refused(pid_t pid, struct error *e);

/*
 * 0: all threads but those marked as missed stand still.  -1 with `e` set, nothing
 * stopped and nothing to release: not permitted (ERROR_REFUSED), no such process any more
 * (ERROR_INPUT), or out of memory.  `segment` NULL: there is neither a signal nor an end.
 */
int stop_threads(struct stopped *s, pid_t pid, const struct segment *segment, enum stop_how how,
                 struct error *e);

/* Let them run on.  What was read stays until stop_release. */
void stop_resume(struct stopped *s);
void stop_release(struct stopped *s);

#endif
