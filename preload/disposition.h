/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that we handle while the program believes that they have their default action
 * (SIG_DFL).  The functions by which a program sets and asks for dispositions are ours:
 * they show it what it would see without us, what it sets replaces our handler, and
 * setting SIG_DFL puts ours back.  A program that asks the kernel itself sees our handler.
 */
#ifndef MEMPROF_PRELOAD_DISPOSITION_H
#define MEMPROF_PRELOAD_DISPOSITION_H

#include <signal.h>
#include <stdbool.h>

/* Static; may serve several signals.  `changed`, if any, is told when the handler comes and goes;
 * it may be called in a signal handler. */
struct cover {
    struct sigaction action;
    void (*changed)(bool in_place);
};

/*
 * Handle the signal by `c` whenever the program's own disposition is SIG_DFL.  Once a
 * signal, from the constructor: later calls by other threads must see it.
 */
void disposition_cover(int number, const struct cover *c);

/* Whether our handler is in place now. */
bool disposition_in_place(int number);

/* The default action takes effect, for good.  Async-signal-safe, errno is kept. */
void disposition_default(int number);

/* That, and the signal comes again as it came; in its handler, which blocks it. */
void disposition_raise(int number, const siginfo_t *info);

/* The same as disposition_default for all signals that are covered and have our handler. */
void dispositions_give_up(void);

#endif
