/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/fatal-signal.h"

#include "preload/disposition.h"
#include "preload/ending.h"

#include <signal.h>
#include <string.h>

static const uint8_t fatal[] = {
    SIGSEGV,   SIGBUS,  SIGILL,  SIGFPE,  SIGABRT, SIGSYS,  SIGTRAP, SIGTERM,   SIGINT,  SIGHUP,
    SIGQUIT,   SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,
#if defined(SIGSTKFLT)
    SIGSTKFLT,
#endif
#if defined(SIGPWR)
    SIGPWR,
#endif
};

static struct cover cover;

/* Raised by an instruction that will raise it again, now with its default action. */
static bool comes_again(int number, const siginfo_t *info)
{
    return info->si_code > 0 &&
           (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE);
}

/*
 * The stack may be a small alternate one, and what was interrupted may be a malloc or our
 * recorder.  Other signals wait until the thread has left.
 */
static void handle(int number, siginfo_t *info, void *context)
{
    struct walk_state state;

    ending_note(LEAVING_SIGNAL | (uint32_t)number);
    if (number == SIGABRT && info->si_code <= 0) {
        ending_search_abort(context);
    } else {
        walk_state_of_context(context, &state);
        ending_search(ENDING_SIGNAL, (uint32_t)number, &state);
    }
    if (comes_again(number, info))
        disposition_default(number);
    else
        disposition_raise(number, info);
}

void fatal_signal_watch(uint64_t except, uint32_t stop_signal)
{
    cover.action.sa_sigaction = handle;
    cover.action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&cover.action.sa_mask);
    if (stop_signal)
        sigdelset(&cover.action.sa_mask, (int)stop_signal);
    for (unsigned i = 0; i < sizeof(fatal); i++)
        if (!(except >> fatal[i] & 1))
            disposition_cover(fatal[i], &cover);
}
