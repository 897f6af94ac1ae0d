/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways to hold a process still, for stop.c, and for inject.c, which does more with it. */
#ifndef MEMPROF_HOST_STOP_PARTS_H
#define MEMPROF_HOST_STOP_PARTS_H

#include "src/host/process/stop.h"

enum stop_state {
    STOP_ASKED = 0, /* seen, and asked to stop unless it blocks the signal */
    STOP_BLOCKED,   /* blocks the signal, which it was not sent */
    STOP_HELD,
    STOP_GONE,
};

uint64_t stop_now_ns(void);

/* What stands behind a refusal, in words: by what Yama's ptrace_scope begins with; '0': no Yama. */
const char *stop_yama(char scope);
void stop_pause(void); /* between two looks at a thread */

/*
 * Note the threads of s->pid that are not known yet and call `ask` for each, which sets
 * its state.  How many were new; or -1 with `e` set: out of memory, no such process, or
 * `ask` returned false and set it.
 */
int stop_list(struct stopped *s,
              bool (*ask)(struct stopped *s, struct stopped_thread *t, struct error *e),
              struct error *e);

/*
 * Ask and wait until every thread is held or gone or `look`, which may change a thread's
 * state, has been called in vain for s->wait_ns.  What is not held then is missed.
 */
int stop_all(struct stopped *s,
             bool (*ask)(struct stopped *s, struct stopped_thread *t, struct error *e),
             void (*look)(struct stopped *s, struct stopped_thread *t), struct error *e);

/* 0, or -1 with `e` set and nothing stopped; what is in s->threads is the caller's then too. */
int stop_by_ptrace(struct stopped *s, struct error *e);
void stop_resume_ptrace(struct stopped *s);

/*
 * Stop all threads by ptrace with the calling thread as the tracer, which alone may then use
 * ptrace on them: 0, or -1 as above.  What of them is still held is let go by stop_let_go, or
 * by the end of the calling thread.  stop_release does not resume.
 */
int stop_all_here(struct stopped *s, struct error *e);
void stop_let_go(struct stopped *s);
int stop_by_signal(struct stopped *s, struct error *e);
void stop_resume_signal(struct stopped *s);

/*
 * Read the registers of a thread in a ptrace stop; false: it is gone, or runs.  When
 * `interrupted`, a waiting system call that would fail with EINTR is made to restart.
 * `scratch` has STOP_SCRATCH bytes.
 */
#define STOP_SCRATCH 32768u
bool stop_registers(struct stopped_thread *t, bool interrupted, void *scratch);

/* Put in the stack pointer and the registers that are given, in the order of segment_header.ending,
 * for all of them. */
void stop_registers_given(struct stopped_thread *t, uint64_t stack_pointer,
                          const uint64_t *registers, uint32_t count);

/*
 * Put in the vector registers that a signal's frame of the process has at an address, which may be
 * any: what cannot be read, or is none, is left out.
 */
void stop_registers_in_frame(struct stopped_thread *t, pid_t pid, uint64_t address);

#endif
