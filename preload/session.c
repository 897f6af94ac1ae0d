/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/session.h"

#include "preload/bootstrap.h"
#include "preload/cficopy.h"
#include "preload/connect.h"
#include "preload/ending.h"
#include "preload/environment.h"
#include "preload/fatal-signal.h"
#include "preload/forked.h"
#include "preload/imports.h"
#include "preload/memo.h"
#include "preload/modules.h"
#include "preload/operators.h"
#include "preload/own.h"
#include "preload/pool-debug.h"
#include "preload/pool-publish.h"
#include "preload/pooled.h"
#include "preload/real.h"
#include "preload/rules.h"
#include "preload/snapshot-signal.h"
#include "preload/stop-signal.h"
#include "preload/suffix.h"
#include "preload/thread.h"
#include "preload/walk.h"
#include "src/shared/attachment.h"
#include "src/shared/ownrange.h"
#include "src/shared/rawcall.h"
#include "src/shared/ring.h"
#include "src/shared/stamp.h"
#include "src/shared/sysmem.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#if defined(HAVE_SYS_SINGLE_THREADED_H)
#include <sys/single_threaded.h>
#endif

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define MEMBARRIER_REGISTER_GLOBAL_EXPEDITED 4 /* linux/membarrier.h, since Linux 4.16 */

struct session session;

/* In .bss and alone in its page, so that the page is anonymous memory. */
_Alignas(4096) union gate gate;

static _Atomic uint32_t stage;
static _Atomic bool
    recording;         /* the gate has been open in this process or in the one it was forked from */
static bool found;     /* there is an allocator to pass calls on to */
static bool redirects; /* the program's calls do not come here unless imports are redirected */
static uint64_t ours_blocks, ours_bytes; /* of the bootstrap heap: what our own dlsym calls took */
static bool constructed;                 /* our own constructor ran: libc is initialised */
static bool constructing;                /* or is running */

enum session_stage session_stage(void)
{
    /* acquire: pairs with the release in session_enter; `real` is filled in */
    return (enum session_stage)atomic_load_explicit(&stage, memory_order_acquire);
}

/*
 * Whether the loader has relocated this library.  An IFUNC resolver of another
 * one may call malloc before that, when neither TLS nor any pointer of ours can
 * be used.
 */
static bool relocated(void)
{
    static void *volatile self = (void *)&self;

    return self == (void *)&self;
}

static void refuse(enum target_refusal why)
{
    struct segment_header *h = segment_header(&session.segment);

    atomic_store_explicit(&h->refusal, why, memory_order_relaxed);
    /* release: `why` is there */
    atomic_store_explicit(&h->target_state, TARGET_REFUSED, memory_order_release);
}

static void forked_child(void)
{
    gate.open = GATE_CLOSED;
}

/* See that a forked child finds the gate closed. */
static void gate_guard(void)
{
    if (rawcall(SYS_madvise, &gate, sizeof(gate), MADV_WIPEONFORK) < 0)
        pthread_atfork(NULL, NULL, forked_child); /* Linux before 4.14 */
}

static void settings_copy(const struct segment_settings *settings)
{
    session.clock = settings->clock;
    session.unwinder = settings->unwinder;
    session.depth = settings->depth;
    session.verify_every = settings->verify_every;
    session.stopped = settings->paused != 0;
    session.stop_untold = session.stopped;
    session.snapshot_signal = settings->snapshot_signal;
    session.process_id = (uint32_t)rawcall(SYS_getpid, 0, 0, 0);
    session.follow = settings->follow;
    session.image = settings->image;
    session.stack_end = environment_stack_end();
#if defined(HAVE_SYS_SINGLE_THREADED_H)
    session.early = !constructed && !__libc_single_threaded;
#else
    session.stamped = 1;
#endif
#if !defined(__x86_64__)
    if (session.unwinder == UNWINDER_AUTO)
        session.unwinder = UNWINDER_LIBUNWIND;
#endif
}

static bool tables_init(void)
{
    bump_init(&session.tables);
    return modules_init() && rules_init() && suffix_init() && threads_init() &&
           own_enter(&session.tables);
}

static bool allocator_install(uint32_t which)
{
    if (which == ALLOCATOR_POOL_DEBUG && !pool_debug_install())
        return false;
    if (which == ALLOCATOR_POOL)
        pooled_install();
    if (which != ALLOCATOR_NEXT)
        pool_publish();
    return true;
}

/* Lets the host order its look at our progress against our stamps: see ring_begin. */
static void barrier_register(struct segment_header *h)
{
    long result = rawcall(SYS_membarrier, MEMBARRIER_REGISTER_GLOBAL_EXPEDITED, 0, 0);

    /* relaxed: published with target_state */
    atomic_store_explicit(&h->barrier_registered, result == 0, memory_order_relaxed);
}

/* What the host is to know before the first record, and that it may come. */
static void announce(struct segment_header *h)
{
    barrier_register(h);
    atomic_store_explicit(&h->bootstrap_allocations, bootstrap_blocks() - ours_blocks,
                          memory_order_relaxed);
    atomic_store_explicit(&h->bootstrap_bytes, bootstrap_bytes() - ours_bytes,
                          memory_order_relaxed);
    bootstrap_data(&h->bootstrap_start, &h->bootstrap_end);
    atomic_store_explicit(&h->imports_redirected, redirects, memory_order_relaxed);
    /* release: the host sees all of the above with it */
    atomic_store_explicit(&h->target_state, TARGET_RECORDING, memory_order_release);
}

/*
 * Calls are passed on while imports are redirected, so that nothing is recorded before all of
 * them are; then once more for what the loader bound meanwhile.
 */
static void gate_open(struct segment_header *h)
{
    if (redirects)
        imports_redirect();
    gate_guard();
    atomic_store_explicit(&recording, true, memory_order_relaxed);
    /* release: pairs with session_open */
    atomic_store_explicit(&gate.open, h->settings.paused ? GATE_STOPPED : GATE_TRACING,
                          memory_order_release);
    if (!redirects)
        return;
    imports_redirect();
    /* relaxed: a number for the report */
    atomic_store_explicit(&h->imports_missed, imports_missed(), memory_order_relaxed);
}

/* Everything between having found the allocator and the first record.  false: not recorded. */
static bool connect_to(const char *socket)
{
    struct host_answer answer = {0};
    struct segment_header *h;
    void *memory = host_connect(socket, environment_from(), 0, &answer);

    session.follow = answer.follow;
    session.image = answer.image;
    if (!memory)
        return false;
    if (!segment_adopt(&session.segment, memory, answer.bytes)) {
        sysmem_unmap_shared(memory, answer.bytes);
        return false;
    }
    h = segment_header(&session.segment);
    settings_copy(&h->settings);
    if (!found) {
        refuse(REFUSAL_NO_ALLOCATOR);
        return false;
    }
    if (!tables_init()) {
        refuse(REFUSAL_MAP);
        return false;
    }
    module_name((uint64_t)(uintptr_t)real.malloc, h->next_allocator, sizeof(h->next_allocator));
    if (!allocator_install(h->settings.allocator)) {
        refuse(REFUSAL_MAP);
        return false;
    }
    announce(h);
    gate_open(h);
    return true;
}

/* The program was started with this library: where the host is, and our traces, in its environment.
 */
static void connect_host(void)
{
    if (!environment_restore())
        return;
    if (redirects)
        redirects = found = imports_adopt();
    connect_to(environment_session());
}

#if defined(__x86_64__)
#define OTHER_UNWINDER true
#else
#define OTHER_UNWINDER false
#endif

/* A lock of libunwind's may be one that another thread of the parent held at the fork. */
static void libunwind_leave(void)
{
    session.verify_every = 0;
    if (session.unwinder == UNWINDER_LIBUNWIND)
        session.unwinder = UNWINDER_AUTO;
}

bool session_rejoin(void *memory, uint64_t bytes)
{
    struct segment parents = session.segment, own;
    uint32_t stamped = session.stamped, stopped = session.stopped;
    struct segment_header *h;

    if (stamped && session.unwinder == UNWINDER_LIBUNWIND && !OTHER_UNWINDER)
        return false;
    if (!segment_adopt(&own, memory, bytes) ||
        memcmp(&own.layout, &parents.layout, sizeof(own.layout)) != 0)
        return false;
    session.segment = own;
    h = segment_header(&own);
    settings_copy(&h->settings);
    if (stamped)
        libunwind_leave();
    session.stamped |= stamped;
    session.stopped = session.stop_untold = stopped;
    /* what it points to is of the parent's ring; the next event takes a slot of our own */
    local.thread = NULL;
    local.refused = 0;
    sysmem_unmap_shared(parents.base, parents.layout.segment_bytes);
    barrier_register(h);
    /* release: as in connect_host */
    atomic_store_explicit(&h->target_state, TARGET_RECORDING, memory_order_release);
    atomic_store_explicit(&recording, true, memory_order_relaxed);
    /* release: pairs with session_open */
    atomic_store_explicit(&gate.open, stopped ? GATE_STOPPED : GATE_TRACING, memory_order_release);
    return true;
}

/* The gate was open before a fork: be recorded as a process of our own, or say that nobody knows.
 */
static void go_on_forked(void)
{
    /* a thread may come here while the gate is being opened for all; relaxed: see there */
    if (!atomic_load_explicit(&recording, memory_order_relaxed) || session_here())
        return;
    /* relaxed: one thread of the child gets it */
    if (!atomic_exchange_explicit(&recording, false, memory_order_relaxed))
        return;
    if (forked_rejoin() == FORKED_UNHEARD)
        /* relaxed: a statistic */
        atomic_fetch_add_explicit(&segment_header(&session.segment)->unfollowed, 1,
                                  memory_order_relaxed);
}

void session_enter(void)
{
    uint32_t expected = STAGE_NEW;

    if (session_stage() == STAGE_FOUND) {
        if (!session_recording())
            go_on_forked();
        return;
    }
    /* with a malloc before ours: not from inside of that, see imports_wrapped */
    if (!relocated() || (!constructing && imports_needed()) ||
        !atomic_compare_exchange_strong_explicit(&stage, &expected, STAGE_FINDING,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    ours_blocks = bootstrap_blocks();
    ours_bytes = bootstrap_bytes();
    operators_find();
    found = real_find();
    redirects = found && imports_needed() && !imports_wrapped();
    ours_blocks = bootstrap_blocks() - ours_blocks;
    ours_bytes = bootstrap_bytes() - ours_bytes;
    /* release: `real` is filled in */
    atomic_store_explicit(&stage, STAGE_FOUND, memory_order_release);
    connect_host();
}

void session_close(void)
{
    atomic_store_explicit(&recording, false, memory_order_relaxed);
    session.follow = FOLLOW_NONE;
    /* release: who sees it closed knows of segment_header.closed; who does not finds out for itself
     */
    atomic_store_explicit(&gate.open, GATE_CLOSED, memory_order_release);
}

/* ------------------------------------------- into a program that runs -- */

static bool wants_libunwind(void);
static bool libunwind_load_unseen(void);

static uint32_t attach_to(const char *socket)
{
    if (!connect_to(socket))
        return session.segment.base ? ATTACHMENT_REFUSED : ATTACHMENT_NO_ANSWER;
    if (wants_libunwind() && !libunwind_load_unseen()) {
        session_close();
        refuse(REFUSAL_LIBUNWIND);
        return ATTACHMENT_REFUSED;
    }
    if (segment_header(&session.segment)->settings.search == SEARCHES_AT_END)
        ending_watch();
    return ATTACHMENT_RECORDING;
}

uint32_t session_attach(const char *socket)
{
    if (session.segment.base && session_recording() && !ring_host_dead(&session.segment))
        return ATTACHMENT_RECORDED;
    if (session.segment.base)
        return ATTACHMENT_LEFT;
    if (session_stage() != STAGE_FOUND)
        session_enter();
    /* loaded by the loader's dlopen, we come last and have found nothing behind us */
    if (!found)
        redirects = found = imports_adopt();
    return found ? attach_to(socket) : ATTACHMENT_NO_MALLOC;
}

/* Nobody's turn follows, so that every other record has a larger stamp. */
static void note_closing(void)
{
    struct segment_header *h = segment_header(&session.segment);
    struct stamp_taker nobody = {0};
    uint64_t stamp = atomic_load_explicit(&h->stamps, memory_order_relaxed);

    stamp = stamp_take_turn(&session.segment, &nobody, stamp, session.clock);
    /* release: pairs with the collector's look at it */
    atomic_store_explicit(&h->closed, stamp, memory_order_release);
}

void session_detach(void)
{
    /* the segment of a forked child is its parent's */
    if (session_recording() && session_here())
        note_closing();
    session_close();
    if (redirects)
        imports_restore();
}

/* The segment's table of what is mapped for the session has the tables and thread states, too. */
void session_release(void)
{
    uint64_t start, end;

    if (!session.segment.base)
        return;
    if (session_here())
        cficopy_release();
    /* the table is that of the process it was made for, not of a forked child's */
    for (uint32_t at = 0; session_here() && own_range_next(&session.segment, &at, &start, &end);)
        sysmem_unmap((void *)(uintptr_t)start, end - start);
    sysmem_unmap_shared(session.segment.base, session.segment.layout.segment_bytes);
    memset(&session, 0, sizeof(session));
    memos_forget();
}

bool session_trace(bool on)
{
    uint32_t now = on ? GATE_STOPPED : GATE_TRACING, wanted = on ? GATE_TRACING : GATE_STOPPED;

    /* release: as where it was opened; a gate that is closed meanwhile stays so */
    bool done = atomic_compare_exchange_strong_explicit(
                    &gate.open, &now, wanted, memory_order_release, memory_order_relaxed) ||
                now == wanted;

    if (done)
        session.stopped = !on;
    return done;
}

bool session_recording(void)
{
    return atomic_load_explicit(&gate.open, memory_order_relaxed) != GATE_CLOSED;
}

bool session_here(void)
{
    return (uint32_t)rawcall(SYS_getpid, 0, 0, 0) == session.process_id;
}

static bool wants_libunwind(void)
{
    return session.unwinder == UNWINDER_LIBUNWIND || session.verify_every != 0;
}

/* What loading a library allocates is not the program's. */
static bool libunwind_load_unseen(void)
{
    bool loaded;

    local.busy = BUSY_CALLING;
    loaded = libunwind_load();
    local.busy = BUSY_NO;
    return loaded;
}

static void watch_for_searches(const struct segment_settings *settings)
{
    uint32_t stop = settings->stop_signal & 63, snapshot = settings->snapshot_signal & 63;

    if (stop)
        stop_signal_watch((int)stop);
    if (settings->search != SEARCHES_AT_END)
        return;
    ending_watch();
    fatal_signal_watch(UINT64_C(1) << stop | UINT64_C(1) << snapshot, stop);
}

__attribute__((constructor)) static void construct(void)
{
    constructing = true;
    session_enter();
    constructed = true;
    session.early = 0;
    if (session_recording() && wants_libunwind() && !libunwind_load_unseen()) {
        session_close();
        refuse(REFUSAL_LIBUNWIND);
    }
    if (!session_recording())
        return;
    ending_note_status();
    if (session.follow == FOLLOW_ALL)
        forked_watch();
    if (session.snapshot_signal)
        snapshot_signal_watch((int)session.snapshot_signal);
    watch_for_searches(&segment_header(&session.segment)->settings);
}
