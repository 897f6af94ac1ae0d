/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/stop-signal.h"

#include "preload/asker.h"
#include "preload/disposition.h"
#include "preload/ending.h"
#include "preload/session.h"
#include "src/shared/rawcall.h"
#include "src/shared/ring.h"

#include <linux/futex.h>
#include <time.h>
#include <ucontext.h>

#define LOOK_NS 20000000 /* after which it is seen whether the host still lives */

static struct cover cover;

static bool held_by(const struct segment_header *h, uint32_t held)
{
    /* acquire: what the host asked for before comes before */
    return (held & 1) && atomic_load_explicit(&h->stop_held, memory_order_acquire) == held;
}

/*
 * Whether the program sent it to itself: by kill, raise, sigqueue or a timer.  The host sends it by
 * tgkill, from another process, which has no id here if it is outside of a container.
 */
static bool by_program(const siginfo_t *info)
{
    return info->si_code != SI_TKILL ||
           (uint32_t)info->si_pid == (uint32_t)rawcall(SYS_getpid, 0, 0, 0);
}

static uint64_t interrupted_stack(const void *context)
{
    const ucontext_t *u = context;

#if defined(__x86_64__)
    return (uint64_t)u->uc_mcontext.gregs[REG_RSP];
#else
    return u->uc_mcontext.sp;
#endif
}

/* In a child that was forked meanwhile nothing is held: its gate is closed. */
static void hold(int number, siginfo_t *info, void *context)
{
    struct segment_header *h = segment_header(&session.segment);
    static const struct timespec look = {.tv_nsec = LOOK_NS};
    uint64_t asking;
    uint32_t held;

    if (by_program(info)) {
        disposition_raise(number, info);
        return;
    }
    /* acquire: the host's request comes before the signal */
    held = atomic_load_explicit(&h->stop_held, memory_order_acquire);
    asking = session_open() && asker_waits(interrupted_stack(context)) ? STOP_ASKING : 0;
    while (session_open() && !ring_host_dead(&session.segment) && held_by(h, held))
        rawcall6(SYS_futex, (long)&h->stop_held, FUTEX_WAIT, (long)(asking | held), (long)&look,
                 (long)__builtin_thread_pointer(), (long)STOP_MAGIC);
    while (session_open() && !ring_host_dead(&session.segment) && (held & 1) && ending_by_another())
        rawcall(SYS_nanosleep, &look, NULL, 0);
}

static void note(bool in_place)
{
    /* release: the handler is there before the host is told so */
    atomic_store_explicit(&segment_header(&session.segment)->stop_ready, in_place,
                          memory_order_release);
}

void stop_signal_watch(int number)
{
    /* restarting: what the program waits in goes on as if nothing had been */
    cover.action.sa_sigaction = hold;
    cover.action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&cover.action.sa_mask);
    cover.changed = note;
    disposition_cover(number, &cover);
}
