/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
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

/*
 * What the program would be shown while our handler is in place.  Plain: a program whose
 * threads set one signal's disposition at the same time gets the one or the other.
 */
static struct sigaction shown[SIGNALS];

static const struct cover *cover_of(int number)
{
    return number > 0 && number < SIGNALS ? covers[number] : NULL;
}

static bool same_handler(const struct sigaction *a, const struct sigaction *b)
{
    /* sa_handler and sa_sigaction share their place */
    return a->sa_handler == b->sa_handler;
}

static bool is_default(const struct sigaction *a)
{
    return a->sa_handler == SIG_DFL;
}

static void tell(const struct cover *c, bool in_place)
{
    if (c->changed)
        c->changed(in_place);
}

/*
 * The program has just set SIG_DFL: what the kernel makes of that is what it will be
 * shown.  A signal handler may have set something else since, which then stays.
 */
static void put_in_place(int number, const struct cover *c)
{
    struct sigaction was;

    if (real.sigaction(number, &c->action, &was) != 0)
        return;
    if (is_default(&was))
        shown[number] = was;
    else if (!same_handler(&was, &c->action))
        real.sigaction(number, &was, NULL);
    tell(c, is_default(&was) || same_handler(&was, &c->action));
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

    covers[number] = NULL;
    rawcall6(SYS_rt_sigaction, number, (long)action, 0, KERNEL_SET_BYTES, 0, 0);
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

static int set_or_ask(int number, const struct sigaction *act, struct sigaction *old)
{
    const struct cover *c = cover_of(number);
    /* `act` and `old` may be one, or the program's memory not be there */
    bool to_default = act && c && is_default(act);
    struct sigaction was;

    if (!c)
        return real.sigaction(number, act, old);
    if (real.sigaction(number, act, &was) != 0)
        return -1;
    if (same_handler(&was, &c->action)) {
        was = shown[number];
        if (act && !to_default)
            tell(c, false);
    }
    if (to_default)
        put_in_place(number, c);
    if (old)
        *old = was;
    return 0;
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

static sighandler_t set_handler(setter set, int number, sighandler_t handler)
{
    const struct cover *c = cover_of(number);
    sighandler_t was;

    if (!set) {
        errno = ENOSYS;
        return SIG_ERR;
    }
    was = set(number, handler);
    if (!c || was == SIG_ERR)
        return was;
    if (handler == SIG_DFL)
        put_in_place(number, c);
    if (was != c->action.sa_handler)
        return was;
    if (handler != SIG_DFL && handler != SIG_HOLD)
        tell(c, false);
    return SIG_DFL;
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
HANDLER_SETTER(sigset, sigset)

/* Changes a flag of the disposition, whichever that is: of the program's own. */
ENTRY int siginterrupt(int number, int interrupt)
{
    const struct cover *c = cover_of(number);
    struct sigaction now;
    int result;

    if (!have_real() || !real.siginterrupt) {
        errno = ENOSYS;
        return -1;
    }
    if (c && real.sigaction(number, NULL, &now) == 0 && same_handler(&now, &c->action))
        real.sigaction(number, &shown[number], NULL);
    else
        c = NULL;
    result = real.siginterrupt(number, interrupt);
    if (c)
        put_in_place(number, c);
    return result;
}
