/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding all threads of a process still, to look at its registers and memory.
 *
 * By ptrace (seize and interrupt: no signal is sent, none gets lost, and a group stop
 * or a debugger's absence changes nothing) where that is allowed; else by
 * settings.stop_signal of the segment (record.h).  Threads that appear while others
 * are being stopped are stopped too.  A thread that ends meanwhile is left out; one
 * that does not stop in STOP_WAIT_NS (it is in uninterruptible sleep, or blocks the
 * signal) is counted as missed.
 *
 * ptrace binds a thread of this process: stop_threads, everything that reads through
 * it and stop_resume are called by one thread.  Whatever ends this process lets the
 * target run on.
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

enum stop_how {
    STOP_AUTO = 0, /* ptrace, else the signal */
    STOP_BY_PTRACE,
    STOP_BY_SIGNAL,
};

struct stopped_thread {
    pid_t tid;
    bool missed;             /* it runs on: nothing below is known */
    bool ending;             /* registers and stack pointer are those of segment_header.ending */
    uint64_t stack_pointer;  /* the red zone lies below it */
    uint64_t thread_pointer; /* fs base; 0: unknown */
    uint64_t registers[STOP_REGISTERS]; /* general ones; none by the signal: on the stack */
    const char *names[STOP_REGISTERS];  /* "rax", ... static */
    uint32_t register_count;
    uint64_t *extended; /* vector registers, word by word; NULL: none */
    uint32_t extended_count;
};

struct stopped {
    pid_t pid;
    enum stop_how how; /* how it was done: STOP_BY_PTRACE or STOP_BY_SIGNAL */
    struct stopped_thread *threads;
    uint32_t count, room, missed;
    uint64_t began_ns, ended_ns; /* CLOCK_MONOTONIC: held from, and until stop_resume */
    const struct segment *segment;
};

/* Whether this process may trace `pid`, its child, by ptrace: asked once, when it starts. */
bool stop_can_trace(pid_t pid);

/*
 * 0: all threads but those marked as missed stand still.  -1 with `e` set and nothing
 * stopped: not permitted, no such process any more, or out of memory.
 */
int stop_threads(struct stopped *s, pid_t pid, const struct segment *segment, enum stop_how how,
                 struct error *e);

/* Let them run on.  What was read stays until stop_release. */
void stop_resume(struct stopped *s);
void stop_release(struct stopped *s);

#endif
