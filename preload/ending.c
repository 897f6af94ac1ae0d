/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/ending.h"

#include "preload/disposition.h"
#include "preload/entry.h"
#include "preload/real.h"
#include "preload/search.h"
#include "src/shared/rawcall.h"

#include <dlfcn.h>
#include <link.h>

/* Its name is poisoned: it would be wrong for anything else. */
extern int on_exit_call(void (*handler)(int, void *), void *argument) __asm__("on_exit");

/* Not declared to be called by programs; part of libc's interface for compilers. */
extern int __cxa_atexit(void (*handler)(void *), void *argument, void *module);
extern int __cxa_at_quick_exit(void (*handler)(void *), void *module);

/* The names are poisoned in our code. */
ENTRY void ending_by_abort(void) __asm__("abort");
ENTRY void ending_by_exit(int status) __asm__("_exit");
ENTRY void ending_by_exit_too(int status) __asm__("_Exit");

/* Functions of libc that may lie between the program's last frame and us. */
enum { LEAVING_EXIT, LEAVING_QUICK_EXIT, LEAVING_ABORT, LEAVINGS };
static struct walk_code leavings[LEAVINGS];

static bool watched;

/* The thread that is at the end, 0 none. */
static _Atomic uint32_t holder;

static bool suppressions_told;

/* The thread whose end nothing can avert. */
static _Atomic uint32_t certain;

/* ------------------------------------------------------- one at a time -- */

static uint32_t myself(void)
{
    return (uint32_t)rawcall(SYS_gettid, 0, 0, 0);
}

/*
 * Whether this thread may publish its end.  A holder with nothing under way was left by a
 * jump out of a signal handler, or by its cancellation, or has just begun or ended: in
 * the last case nothing worse comes of it than a search that takes the one for the other.
 */
static bool claim(uint32_t me)
{
    uint32_t now = 0;

    /* acquire: pairs with the release in ending_search; its fields are no longer in use */
    if (atomic_compare_exchange_strong_explicit(&holder, &now, me, memory_order_acquire,
                                                memory_order_acquire))
        return true;
    if (search_pending()) {
        search_await_others();
        return false;
    }
    return atomic_compare_exchange_strong_explicit(&holder, &now, me, memory_order_acquire,
                                                   memory_order_relaxed);
}

static void publish(enum ending_cause cause, uint32_t signal, uint32_t me,
                    const struct walk_state *state)
{
    struct ending *e = &segment_header(&session.segment)->ending;

    e->signal = signal;
    e->tid = me;
    e->stack_pointer = state->stack_pointer;
    e->register_count = state->register_count;
    for (uint32_t i = 0; i < state->register_count; i++)
        e->registers[i] = state->registers[i];
    e->suppressions = 0;
    e->extended = state->extended;
    /* relaxed: published by search_ask */
    atomic_store_explicit(&e->cause, cause, memory_order_relaxed);
}

/* The program's own suppressions, which the host knows to be there. */
static void tell_suppressions(void)
{
    struct segment_header *h = segment_header(&session.segment);
    const char *(*ask)(void) = (const char *(*)(void))(uintptr_t)h->call;

    if (!ask || suppressions_told)
        return;
    suppressions_told = true;
    h->ending.suppressions = (uint64_t)(uintptr_t)ask();
    if (h->ending.suppressions)
        search_ask();
}

void ending_search(enum ending_cause cause, uint32_t signal, const struct walk_state *state)
{
    uint32_t me;

    if (!search_possible())
        return;
    me = myself();
    if (!claim(me))
        return;
    publish(cause, signal, me, state);
    /* relaxed: seen by a thread that the host has stopped since, if at all */
    if (cause != ENDING_ABORT || disposition_in_place(SIGABRT))
        atomic_store_explicit(&certain, me, memory_order_relaxed);
    /* the program's function is not called in the middle of whatever the signal interrupted */
    if (search_ask() && cause != ENDING_SIGNAL && !signal)
        tell_suppressions();
    /* relaxed: the next to ask publishes it */
    atomic_store_explicit(&segment_header(&session.segment)->ending.cause, ENDING_NONE,
                          memory_order_relaxed);
    /* release: pairs with claim */
    atomic_store_explicit(&holder, 0, memory_order_release);
}

bool ending_by_another(void)
{
    uint32_t by = atomic_load_explicit(&certain, memory_order_relaxed);

    return by != 0 && by != myself();
}

/* ------------------------------------------------------------- the ways -- */

/* Our own code must not be taken for the program's while it looks for modules. */
static uint32_t leave(const uint64_t *frame, const void *ucontext, struct walk_state *state)
{
    uint32_t was = local.busy, which;

    local.busy = BUSY_RECORDING;
    which = ucontext ? walk_out_of_context(leavings, LEAVINGS, ucontext, state)
                     : walk_out_of(leavings, LEAVINGS, &frame[1], state);
    local.busy = was;
    return which;
}

static __attribute__((noinline)) void end(enum ending_cause cause, uint32_t signal,
                                          const uint64_t *frame)
{
    struct walk_state state;

    if (!watched || !search_possible())
        return;
    leave(frame, NULL, &state);
    ending_search(cause, signal, &state);
}

void ending_search_abort(const void *ucontext)
{
    struct walk_state state;
    bool by_abort;

    if (!search_possible())
        return;
    by_abort = leave(NULL, ucontext, &state) == LEAVING_ABORT;
    ending_search(by_abort ? ENDING_ABORT : ENDING_SIGNAL, SIGABRT, &state);
}

static void after_exit(void *unused)
{
    (void)unused;
    end(ENDING_EXIT, 0, FRAME);
}

static void after_quick_exit(void *unused)
{
    (void)unused;
    end(ENDING_QUICK_EXIT, 0, FRAME);
}

void ending_note(uint32_t how)
{
    if (search_possible())
        /* relaxed: read by the host after this process has ended */
        atomic_store_explicit(&segment_header(&session.segment)->leaving, how,
                              memory_order_relaxed);
}

static void note_status(int status, void *unused)
{
    (void)unused;
    ending_note(LEAVING_STATUS | ((uint32_t)status & 0xff));
}

static void note_quick_exit(void *unused)
{
    (void)unused;
    ending_note(LEAVING_SILENT);
}

void ending_note_status(void)
{
    on_exit_call(note_status, NULL);
    __cxa_at_quick_exit(note_quick_exit, NULL);
}

ENTRY void ending_by_exit(int status)
{
    note_status(status, NULL);
    end(ENDING_EXIT_NOW, 0, FRAME);
    if (session_stage() == STAGE_FOUND && real._exit)
        real._exit(status);
    rawcall(SYS_exit_group, status, 0, 0);
}

ENTRY void ending_by_exit_too(int status)
{
    ending_by_exit(status);
}

/*
 * Where our handler of SIGABRT is in place, it does the search.  Ends in a jump, so that a
 * handler of the program's that prints its stack prints no frame of ours.
 */
ENTRY void ending_by_abort(void)
{
    if (watched && !disposition_in_place(SIGABRT))
        end(ENDING_ABORT, SIGABRT, FRAME);
    /* a constructor that ran before ours may be the first to call anything of us */
    if (session_stage() != STAGE_FOUND)
        session_enter();
    if (session_stage() != STAGE_FOUND || !real.abort_process)
        __builtin_trap();
    real.abort_process();
}

/* --------------------------------------------------------------- set-up -- */

static void leaving_find(struct walk_code *code, const void *function)
{
    const ElfW(Sym) *symbol = NULL;
    Dl_info info;

    if (!function || !dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
        return;
    code->start = (uint64_t)(uintptr_t)function;
    code->end = code->start + symbol->st_size;
}

void ending_watch(void)
{
    if (watched)
        return; /* of an earlier session in the same process */
    leaving_find(&leavings[LEAVING_EXIT], (const void *)(uintptr_t)real.exit_process);
    leaving_find(&leavings[LEAVING_QUICK_EXIT], (const void *)(uintptr_t)real.quick_exit_process);
    leaving_find(&leavings[LEAVING_ABORT], (const void *)(uintptr_t)real.abort_process);
    /* of no module, so that unloading ours, which is never done, would not run them */
    __cxa_atexit(after_exit, NULL, NULL);
    __cxa_at_quick_exit(after_quick_exit, NULL);
    watched = true;
}
