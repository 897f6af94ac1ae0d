/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for a copy of a process, or for what is kept of it, made to exist while the process
 * still runs: the kernel's
 * clearing of fresh pages takes longer than copying into them (under a hypervisor that
 * has to find the memory first, ten times as long), and the process need not stand still
 * for it.  How much is the caller's guess; what is missing is made later, what is too much is
 * given back.
 *
 * Two threads clear where it is much.  Not thread-safe otherwise.
 */
#ifndef MEMPROF_HOST_COPYROOM_H
#define MEMPROF_HOST_COPYROOM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define COPYROOM_THREADS 2u

struct copyroom_part {
    uint8_t *start;
    uint64_t size;
    _Atomic uint32_t done;
    bool running;
    pthread_t thread;
};

struct copyroom {
    uint8_t *memory; /* pages.h; NULL: none */
    uint64_t size;
    uint64_t cleared; /* of it exist, or will */
    struct copyroom_part parts[COPYROOM_THREADS];
};

/*
 * Begin to make `bytes` of memory.  None is made, and nothing is wrong, where that
 * is not worth a thread, more than is available (availmem.h), or refused.
 */
void copyroom_begin(struct copyroom *r, uint64_t bytes);

/* Whether copyroom_take would not wait. */
bool copyroom_ready(const struct copyroom *r);

/*
 * `bytes` of zeroed memory, by pages_unmap to be released, or NULL; waits until what was
 * begun is done.  The room is empty afterwards.
 */
void *copyroom_take(struct copyroom *r, uint64_t bytes);

/*
 * The next *bytes of the memory that was made, as copyroom_take; rounded up, which *bytes says
 * then.  NULL: there are not as many left, or hardly any were wanted.  The rest stays.
 */
void *copyroom_cut(struct copyroom *r, uint64_t *bytes);

/* Waits likewise; an empty one is fine. */
void copyroom_release(struct copyroom *r);

#endif
