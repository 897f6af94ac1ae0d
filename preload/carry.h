/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memprof added to the environment, and environment.h took out, is put back for a
 * program that a process of the run executes, in place or in a child, so that it is recorded
 * too.  Only where the host says that the library can be loaded there (record.h, struct
 * execute_question).
 *
 * Async-signal-safe, also in a child of vfork; no heap, errno is kept.
 */
#ifndef MEMPROF_PRELOAD_CARRY_H
#define MEMPROF_PRELOAD_CARRY_H

#include <stdbool.h>
#include <stddef.h>

/* An environment this large is built on the stack: there may be no address space for a mapping. */
#define CARRY_ON_STACK (64u << 10)

struct carried {
    char *const *from;
    size_t count, bytes;
    char **envp;             /* the new environment; NULL: there is no memory for it */
    char *preload, *session; /* its entries that are ours */
    bool mapped;
};

/* Whether this process has what to carry, and programs that it executes are recorded. */
bool carry_wanted(void);

/*
 * Whether the host allows it for this file, of a child to be or of this process; asks.  Where
 * that cannot be done from here, the program counts as missed.
 */
bool carry_allowed(const char *path, bool child);
bool carry_allowed_by_search(const char *file, bool child); /* found by PATH, as execvp does */
bool carry_allowed_descriptor(int fd);
bool carry_allowed_at(int folder, const char *path, int flags); /* as execveat finds it */

/*
 * A program is executed without what memprof adds, though it was to be recorded: `more` is 1,
 * or -1 if it was not executed after all.  May be called in a child of vfork.
 */
void carry_missed(int more);

/*
 * carry_measure says how many bytes it takes; carry_place builds the environment in
 * `memory` of that size, or, where that is NULL, in a mapping, which carry_release undoes.
 * The program finds its variables in the order they were in.
 */
void carry_measure(struct carried *c, char *const *from);
void carry_place(struct carried *c, void *memory);
void carry_release(struct carried *c);

/*
 * After carry_place: whether the kernel is sure to take this environment together with so many
 * bytes of arguments.  For calls that cannot be repeated without it.
 */
bool carry_fits(const struct carried *c, size_t arguments);

#endif
