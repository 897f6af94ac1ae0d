/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Having a stopped thread of another process call a function of that process, by ptrace, as if
 * a signal had come and that function were its handler: the thread's state lies in a signal
 * frame on its stack, below the red zone, and the function returns into rt_sigreturn (libc's
 * own code for that, found in its text; the frame's layout is the kernel's,
 * arch/x86/include/uapi/asm/sigcontext.h).  So it finds its way back whatever becomes of this
 * process.  As a rule the tracer puts the state back itself, at that system call, so that a
 * system call that was interrupted goes on with what is left of its time limit.
 *
 * All signals are held back meanwhile, but SIGSTOP and those that faults raise: of these one that
 * the function raises is taken away from it, one that somebody sends is held back when it comes.
 * (Were faults blocked, the kernel would set the program's action for them to the default; it
 * does so where the program ignores the signal.)  The function runs with a clean floating-point
 * state.
 * Other threads of the process may run.  Only for x86-64: on other processors inject_possible
 * is false, and nothing else may be called.
 *
 * All calls must come from the thread that traces the process (stop-parts.h).
 */
#ifndef MEMPROF_HOST_INJECT_H
#define MEMPROF_HOST_INJECT_H

#include "src/host/attach/remote.h"

#include <sys/user.h>

#define INJECT_STACK_BYTES (UINT64_C(96) << 10) /* that the functions are taken to need */

bool inject_possible(void);

/* libc's call of rt_sigreturn; 0: not found. */
uint64_t inject_way_back(const struct remote *r);

/* The general registers of a stopped thread.  false: it is gone. */
bool inject_registers(pid_t tid, struct user_regs_struct *registers);

/* Of these: where the thread is in its code, and whether it waits in a system call. */
uint64_t inject_counter(const struct user_regs_struct *registers);
bool inject_waits(const struct user_regs_struct *registers);

struct inject_call {
    uint64_t function;
    const char *text; /* the first argument, copied to the thread's stack; NULL: `first` */
    uint64_t first;
    uint64_t argument; /* the second */
    uint64_t way_back; /* inject_way_back */
    uint64_t *result;  /* gets what it returns; NULL: not wanted.  Slow: for short functions, and
                          not where the program ignores SIGTRAP */
    int *crash;        /* gets the signal that it raised, if any; NULL: not wanted */
    uint64_t until_ns; /* CLOCK_MONOTONIC: give up then */
};

enum inject_result {
    INJECT_RETURNED = 0, /* the thread stands where it stood */
    INJECT_NOT_BEGUN,    /* nothing was done: no room on its stack, or it is gone */
    INJECT_LATE,    /* it has not returned in time: it was let go, and goes on where it was when it
                       does */
    INJECT_ENDED,   /* the thread is gone */
    INJECT_CRASHED, /* the function raised a signal; the thread stands where it stood */
};

/*
 * Call it in the thread `tid`, which is in a ptrace stop without a signal, or has just been put
 * back after INJECT_CRASHED.
 */
enum inject_result inject_call(pid_t tid, const struct inject_call *call);

#endif
