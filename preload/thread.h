/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the recorder keeps per thread of the target, in its own mapping: the end
 * of the ring it writes to and the call stack it saw last.  Taken at the
 * thread's first event, found through one initial-exec TLS pointer, never given
 * back by the thread: the host reclaims the slot of a thread that is gone, and
 * the next thread in that slot takes over the mapping.
 */
#ifndef MEMPROF_PRELOAD_THREAD_H
#define MEMPROF_PRELOAD_THREAD_H

#include "preload/memo.h"
#include "preload/stackcache.h"
#include "src/shared/ring.h"
#include "src/shared/stamp.h"

#define THREAD_BYTES 2048u /* reserved for each slot */

struct thread {
    struct ring_writer writer;
    struct stamp_taker stamps;
    struct stack_cache cache;
    struct memo_user memo;
    uint32_t ignoring;    /* __lsan_disable: so many times, what is made is ignored */
    uint64_t allocations; /* events of this kind so far, also those that were dropped */
    uint64_t verify_countdown;
    uint32_t questions; /* asked in this slot so far, also by threads before this one */
};

enum busy {
    BUSY_NO = 0,
    BUSY_CALLING,   /* in the real allocator: whatever it calls is part of one event */
    BUSY_RECORDING, /* in our own code: only a signal handler can get here */
};

struct thread_local_state {
    struct thread *thread;
    volatile uint32_t busy; /* enum busy; volatile: a signal handler looks at it */
    uint32_t refused;       /* no slot or no memory: this thread is not recorded */
    /* The frame of the entry point that is busy, and where that returns to. */
    const uint64_t *guard;
    uint64_t guard_return;
    uint32_t fork;  /* in a forked child: the number of its fork, or FORK_UNMARKED; see forked.h */
    int fork_errno; /* between the handlers around a fork: the program's errno */
};

extern __thread struct thread_local_state local __attribute__((tls_model("initial-exec")));

/* The calling thread's state, taken if it has none.  NULL if it cannot be recorded. */
struct thread *thread_take(void);

static inline struct thread *thread_self(void)
{
    struct thread *t = local.thread;

    return __builtin_expect(t != NULL, 1) ? t : thread_take();
}

/*
 * A signal handler left by a jump while the thread was busy: whatever was under way
 * will never be done.  What was committed stays, the rest is given up.
 */
void thread_recover(struct thread *t);

/* Once, when the session is set up. */
bool threads_init(void);

#endif
