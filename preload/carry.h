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
#include <stdint.h>

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

/* A program that is about to be executed; the rest is what came of asking for it. */
struct carry_question {
    bool child; /* by a child to be, and not by this process */
    bool heard, missed;
    uint32_t row; /* record.h, struct execute_answer */
};

/*
 * Whether the host allows it for this file; asks.  Where that cannot be done from here, the
 * program counts as missed.  A file that is not there is not asked for.
 */
bool carry_allowed(struct carry_question *q, const char *path);
bool carry_allowed_by_search(struct carry_question *q, const char *file); /* by PATH, as execvp */
bool carry_allowed_descriptor(struct carry_question *q, int fd);
bool carry_allowed_at(struct carry_question *q, int folder, const char *path, int flags);

/* It was not executed after all: the host takes back what it noted with the question. */
void carry_failed(const struct carry_question *q);

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
