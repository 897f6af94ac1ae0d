/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/disposition.h"

#include "preload/entry.h"
#include "preload/real.h"
#include "src/shared/rawcall.h"

#include <errno.h>
#include <stddef.h>

#define SIGNALS 65

/* What the kernel takes for a signal's set. */
#define KERNEL_SET_BYTES 8

/* The oldest forms are declared no more, or for some standards only. */
ENTRY int __sigaction(int number, const struct sigaction *act, struct sigaction *old);
ENTRY sighandler_t __sysv_signal(int number, sighandler_t handler);
ENTRY sighandler_t bsd_signal(int number, sighandler_t handler);
ENTRY sighandler_t sysv_signal(int number, sighandler_t handler);
ENTRY sighandler_t sigset(int number, sighandler_t handler);

/* Set once, in the constructor; NULL: the signal is none of our business. */
static const struct cover *covers[SIGNALS];

/* What the program would be shown while our handler is in place. */
static struct sigaction shown[SIGNALS];

static _Atomic uint32_t changing;

static const struct cover *cover_of(int number)
{
    return number > 0 && number < SIGNALS ? covers[number] : NULL;
}

/* ------------------------------------------------- one change at a time -- */

#define CHANGE_YIELDS 1000u /* for who holds it may be held up, or be gone: a child by fork */

/*
 * What a change is made of must not be mixed with another thread's or handler's.  No
 * signal comes in meanwhile, so that its handler does not wait for us.
 */
struct change {
    uint64_t mask;
    bool alone;
};

static struct change change_begin(void)
{
    static const uint64_t all = ~UINT64_C(0);
    struct change c = {0};

    rawcall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&c.mask, KERNEL_SET_BYTES, 0, 0);
    for (uint32_t i = 0; i < CHANGE_YIELDS && session_open() && !c.alone; i++) {
        uint32_t idle = 0;

        /* acquire, and release below: `shown` is whole */
        c.alone = atomic_compare_exchange_strong_explicit(&changing, &idle, 1, memory_order_acquire,
                                                          memory_order_relaxed);
        if (!c.alone)
            rawcall(SYS_sched_yield, 0, 0, 0);
    }
    return c;
}

static void change_end(const struct change *c)
{
    if (c->alone)
        atomic_store_explicit(&changing, 0, memory_order_release);
    rawcall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&c->mask, 0, KERNEL_SET_BYTES, 0, 0);
}

/* --------------------------------------------------------------- covers -- */

static bool same_handler(const struct sigaction *a, const struct sigaction *b)
{
    /* sa_handler and sa_sigaction share their place */
    return a->sa_handler == b->sa_handler;
}

static bool is_default(const struct sigaction *a)
{
    return a->sa_handler == SIG_DFL;
}

/* What a child by fork or vfork changes is not changed in the process that is recorded. */
static void tell(const struct cover *c, bool in_place)
{
    if (c->changed && session_here())
        c->changed(in_place);
}

/* The program has just set SIG_DFL: what the kernel makes of that is what it will be shown. */
static void put_in_place(int number, const struct cover *c)
{
    struct sigaction was;

    if (real.sigaction(number, &c->action, &was) != 0)
        return;
    if (!same_handler(&was, &c->action))
        shown[number] = was;
    tell(c, true);
}

void disposition_cover(int number, const struct cover *c)
{
    struct sigaction now;

    if (!real.sigaction || real.sigaction(number, NULL, &now) != 0)
        return;
    covers[number] = c;
    if (is_default(&now))
        put_in_place(number, c);
}

bool disposition_in_place(int number)
{
    const struct cover *c = cover_of(number);
    struct sigaction now;

    return c && real.sigaction(number, NULL, &now) == 0 && same_handler(&now, &c->action);
}

void disposition_default(int number)
{
    static const uint64_t action[4]; /* the kernel's sigaction: SIG_DFL is 0, no flags, no mask */

    /* a child by vfork has dispositions of its own, but `covers` are its parent's, too */
    if (session_here())
        covers[number] = NULL;
    rawcall6(SYS_rt_sigaction, number, (long)action, 0, KERNEL_SET_BYTES, 0, 0);
}

void disposition_raise(int number, const siginfo_t *info)
{
    disposition_default(number);
    rawcall6(SYS_rt_tgsigqueueinfo, rawcall(SYS_getpid, 0, 0, 0), rawcall(SYS_gettid, 0, 0, 0),
             number, (long)info, 0, 0);
}

void dispositions_give_up(void)
{
    for (int number = 1; number < SIGNALS; number++) {
        const struct cover *c = covers[number];

        if (!c)
            continue;
        if (disposition_in_place(number)) {
            disposition_default(number);
            tell(c, false);
        }
        covers[number] = NULL;
    }
}

/* ------------------------------------------------------- what programs call -- */

#define FINDING_SPINS 100000u

/* Set-up may be under way in another thread.  false: an IFUNC resolver, before relocation. */
static bool have_real(void)
{
    if (session_stage() != STAGE_FOUND)
        session_enter();
    for (uint32_t i = 0; session_stage() == STAGE_FINDING && i < FINDING_SPINS; i++)
        rawcall(SYS_sched_yield, 0, 0, 0);
    return session_stage() == STAGE_FOUND;
}

/* `was` is what the program had; `act` may be NULL. */
static int change_by(int number, const struct cover *c, const struct sigaction *act,
                     struct sigaction *was)
{
    if (real.sigaction(number, act, was) != 0)
        return -1;
    if (same_handler(was, &c->action)) {
        *was = shown[number];
        if (act && !is_default(act))
            tell(c, false);
    }
    if (act && is_default(act))
        put_in_place(number, c);
    return 0;
}

static int set_or_ask(int number, const struct sigaction *act, struct sigaction *old)
{
    const struct cover *c = cover_of(number);
    struct sigaction was, wanted;
    struct change change;
    int result;

    if (!c)
        return real.sigaction(number, act, old);
    if (act)
        wanted = *act; /* the program's memory: not while signals are blocked */
    change = change_begin();
    result = change_by(number, c, act ? &wanted : NULL, &was);
    change_end(&change);
    if (result == 0 && old)
        *old = was;
    return result;
}

ENTRY int sigaction(int number, const struct sigaction *act, struct sigaction *old)
{
    if (!have_real() || !real.sigaction) {
        errno = ENOSYS;
        return -1;
    }
    return set_or_ask(number, act, old);
}

ENTRY int __sigaction(int number, const struct sigaction *act, struct sigaction *old)
{
    return sigaction(number, act, old);
}

/* The functions that take and return a handler; libc's own knows what else they do. */
typedef sighandler_t (*setter)(int number, sighandler_t handler);

static sighandler_t handler_change(setter set, int number, sighandler_t handler,
                                   const struct cover *c)
{
    sighandler_t was = set(number, handler);

    if (was != SIG_ERR && handler == SIG_DFL)
        put_in_place(number, c);
    if (was != c->action.sa_handler)
        return was;
    tell(c, handler == SIG_DFL || handler == SIG_HOLD);
    return SIG_DFL;
}

static sighandler_t set_handler(setter set, int number, sighandler_t handler)
{
    const struct cover *c = cover_of(number);
    struct change change;
    sighandler_t was;

    if (!set) {
        errno = ENOSYS;
        return SIG_ERR;
    }
    if (!c)
        return set(number, handler);
    change = change_begin();
    was = handler_change(set, number, handler, c);
    change_end(&change);
    return was;
}

#define HANDLER_SETTER(name, same)                                                                 \
    ENTRY sighandler_t name(int number, sighandler_t handler)                                      \
    {                                                                                              \
        return set_handler(have_real() ? real.same : NULL, number, handler);                       \
    }

/* ssignal and bsd_signal are names of signal, sysv_signal one of __sysv_signal, in all of glibc. */
HANDLER_SETTER(signal, signal)
HANDLER_SETTER(ssignal, signal)
HANDLER_SETTER(bsd_signal, signal)
HANDLER_SETTER(sysv_signal, __sysv_signal)
HANDLER_SETTER(__sysv_signal, __sysv_signal)

/* Changes the signal mask too, and goes by it: not while we do. */
ENTRY sighandler_t sigset(int number, sighandler_t handler)
{
    const struct cover *c = have_real() ? cover_of(number) : NULL;

    return c && real.sigset ? handler_change(real.sigset, number, handler, c)
                            : set_handler(real.sigset, number, handler);
}

/* Changes a flag of the disposition, whichever that is: of the program's own. */
static int interrupt_by(int number, const struct cover *c, int interrupt)
{
    struct sigaction now;
    int result;

    if (real.sigaction(number, NULL, &now) != 0 || !same_handler(&now, &c->action))
        return real.siginterrupt(number, interrupt);
    real.sigaction(number, &shown[number], NULL);
    result = real.siginterrupt(number, interrupt);
    put_in_place(number, c);
    return result;
}

ENTRY int siginterrupt(int number, int interrupt)
{
    const struct cover *c = cover_of(number);
    struct change change;
    int result;

    if (!have_real() || !real.siginterrupt) {
        errno = ENOSYS;
        return -1;
    }
    if (!c)
        return real.siginterrupt(number, interrupt);
    change = change_begin();
    result = interrupt_by(number, c, interrupt);
    change_end(&change);
    return result;
}
