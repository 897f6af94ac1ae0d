/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's end, in every way that can be seen coming: with settings.search ==
 * SEARCHES_AT_END the host is asked for a search for leaks, and the program goes on to
 * end as it would have.
 *
 *   exit, main's return   after all exit handlers and destructors, before libc writes out
 *                         its streams; by an exit handler of ours that is older than theirs
 *   quick_exit            after its handlers, likewise
 *   _exit, _Exit          at once
 *   abort                 at once; a handler of SIGABRT may go on with the program
 *   a fatal signal        fatal-signal.h
 *
 * A program that ends by a system call of its own making has no search.
 */
#ifndef MEMPROF_PRELOAD_ENDING_H
#define MEMPROF_PRELOAD_ENDING_H

#include "preload/walk.h"
#include "src/shared/record.h"

/* Once, from the constructor, with settings.search == SEARCHES_AT_END. */
void ending_watch(void);

/* Once, from the constructor: the host is told of the exit status. */
void ending_note_status(void);

/* The process is about to end like this (record.h, LEAVING_*).  As ending_search. */
void ending_note(uint32_t how);

/*
 * The program is about to end, the calling thread was last in `state`: search.  While another
 * thread is at it, only wait for that.  Async-signal-safe, errno is kept; does nothing in a
 * forked child.
 */
void ending_search(enum ending_cause cause, uint32_t signal, const struct walk_state *state);

/*
 * Whether another thread has come to an end that nothing in the program can avert: a thread that
 * was held still for its search would otherwise see its system call interrupted, and might end the
 * program in another way.
 */
bool ending_by_another(void);

/* The same as ending_search for a signal that came in at `ucontext` and was raised by abort, it may
 * be. */
void ending_search_abort(const void *ucontext);

#endif
