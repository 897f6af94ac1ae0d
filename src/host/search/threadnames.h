/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of those threads of a stopped process that never allocated: the recorder has told of
 * the others.
 */
#ifndef MEMPROF_HOST_THREADNAMES_H
#define MEMPROF_HOST_THREADNAMES_H

#include "src/host/model/threads.h"
#include "src/host/process/stop.h"

struct threadname {
    uint32_t tid;
    char name[THREADS_NAME_BYTES];
};

struct threadnames {
    struct threadname *rows; /* by tid */
    uint32_t count;
};

/*
 * To be called while the process is held still, since a thread's name is gone with it; takes
 * some microseconds for each thread that `known` has no name of.  Without memory there are no
 * names.
 */
void threadnames_take(struct threadnames *n, const struct stopped *stopped,
                      const struct threads *known);
void threadnames_release(struct threadnames *n);

/* "" when it is not there. */
const char *threadnames_find(const struct threadnames *n, uint32_t tid);

#endif
