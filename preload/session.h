/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's side of a session: set-up at the first call of an entry point
 * (whoever makes it, also before any constructor ran), the connection to the
 * host, and the gate that every entry point looks at first.
 */
#ifndef MEMPROF_PRELOAD_SESSION_H
#define MEMPROF_PRELOAD_SESSION_H

#include "src/shared/bump.h"
#include "src/shared/segment.h"

/*
 * The gate lies in a page that a forked child finds zeroed, however it was
 * forked, so that one load tells an entry point both that recording is on and
 * that this is still the process that is being recorded.
 */
enum gate_state {
    GATE_CLOSED = 0,  /* nothing is recorded */
    GATE_TRACING = 1, /* everything is */
    GATE_STOPPED = 2, /* memprof_stop: what ends a block is, and what moves one */
};

union gate {
    _Atomic uint32_t open; /* enum gate_state */
    unsigned char page[4096];
};

struct session {
    struct segment segment;
    /* Copies of settings that the capture path looks at. */
    uint32_t clock;
    uint32_t unwinder;
    uint32_t depth;
    uint32_t verify_every;
    uint32_t stamped;     /* records carry stamps: set for good once there was a second thread */
    uint32_t early;       /* set up before libc was: __libc_single_threaded says nothing yet */
    uint32_t stopped;     /* the gate is, or a child's will be, in GATE_STOPPED */
    uint32_t stop_untold; /* the gate is in GATE_STOPPED, and the host has not heard it yet */
    uint32_t snapshot_signal;
    uint32_t process_id;
    uint32_t follow;    /* enum follow; 0 once the host is gone */
    uint32_t image;     /* of this process, or of the one that it was forked from */
    uint64_t stack_end; /* of the main thread: where its first frame begins */
    struct bump tables; /* what is made with the session and stays; see tables_init */
};

#define TABLE_ALIGNMENT 64u /* of the session's tables: a cache line */

extern struct session session;
extern union gate gate;

static inline bool session_open(void)
{
    /* acquire: pairs with the release that opened it; the session is set up */
    return __builtin_expect(atomic_load_explicit(&gate.open, memory_order_acquire) != GATE_CLOSED,
                            1);
}

/* Whether new allocations are recorded. */
static inline bool session_tracing(void)
{
    /* acquire: as above */
    return __builtin_expect(atomic_load_explicit(&gate.open, memory_order_acquire) == GATE_TRACING,
                            1);
}

/*
 * Record new allocations, or not; what does not end a session.  Async-signal-safe.
 * false: there is none to record for.
 */
bool session_trace(bool on);

/*
 * Called by an entry point that found the gate closed.  Sets the session up if
 * that has not been done and can be done now.
 */
void session_enter(void);

/* Where entry points stand when the gate is closed. */
enum session_stage {
    STAGE_NEW = 0, /* nothing done yet, or not even our own library is relocated */
    STAGE_FINDING, /* the next allocator is being looked for: only the bootstrap heap serves */
    STAGE_FOUND,   /* the next allocator serves */
};
enum session_stage session_stage(void);

/* Stop recording for good; the program runs on. */
void session_close(void);

/*
 * The library was loaded into a program that runs (attachment.h, whose states the first
 * returns): connect to the host at `socket` and record; stop, and give every import back; and,
 * when no thread is inside an entry point or has a state of its own, give back all memory.
 */
uint32_t session_attach(const char *socket);
void session_detach(void);
void session_release(void);

/* Whether this process is recorded; it may have stopped that for a time. */
bool session_recording(void);

/*
 * In a forked child that has said hello: take over its own segment in place of its parent's,
 * and record.  false: it cannot be used, and everything is as it was.
 */
bool session_rejoin(void *memory, uint64_t bytes);

/* Whether this process is the one that was connected, no child of it by fork or vfork. */
bool session_here(void);

#endif
