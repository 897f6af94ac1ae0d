/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that allocations are told apart by.  The first THREADS_MAX of a
 * process are told apart singly; what threads come after that are folded by
 * their name, so that a server that makes a thread per request stays bounded.
 * Beyond THREADS_NAMES_MAX names they are folded into one without a name.
 */
#ifndef MEMPROF_HOST_THREADS_H
#define MEMPROF_HOST_THREADS_H

#include <stdint.h>

#define THREADS_MAX 4096u
#define THREADS_NAMES_MAX 256u
#define THREADS_NAME_BYTES 16u /* as the kernel keeps it, NUL included */
#define THREADS_NONE UINT32_MAX

struct threads_row {
    uint32_t tid; /* 0: folded */
    char name[THREADS_NAME_BYTES];
};

struct threads {
    struct threads_row *rows;
    uint32_t count, room;
    uint32_t folded; /* rows with tid 0; they follow the single ones */
};

void threads_init(struct threads *t);
void threads_release(struct threads *t);

/* The row for a thread just seen; `name` is "" when unknown.  THREADS_NONE: out of memory. */
uint32_t threads_add(struct threads *t, uint32_t tid, const char *name);

/* A thread has another name now.  Folded rows keep theirs. */
void threads_rename(struct threads *t, uint32_t row, const char *name);

#endif
