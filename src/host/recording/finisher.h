/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that finishes images of processes that have ended: waits for what they
 * recorded, finds out names, writes the profile.  So nobody whose program is about to begin
 * waits for that.  Jobs are done in the order they are put.
 */
#ifndef MEMPROF_HOST_FINISHER_H
#define MEMPROF_HOST_FINISHER_H

#include "src/host/recording/image.h"
#include "src/host/recording/tree.h"

#include <pthread.h>

struct finisher_job {
    struct image *image; /* the caller's: it is stopped afterwards, and not released */
    uint32_t index;      /* the caller's: of its row */
    enum exit_kind exit_kind;
    int32_t exit_value;
    struct tree_row row; /* what was found out; no strings but `reason` */
    struct finisher_job *next;
};

struct finisher {
    const struct run_options *run;
    int ready; /* eventfd, written when a job is done */
    pthread_t thread;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t more, less;
    struct finisher_job *first, *last, *done;
    uint32_t queued;
    bool closing, running;
};

/* 0, or -1 with `e` set. */
int finisher_start(struct finisher *f, const struct run_options *run, int ready, struct error *e);

/* Waits while `most` are queued.  The job must be the caller's memory to free (malloc). */
void finisher_put(struct finisher *f, struct finisher_job *job, uint32_t most);

/* A job that is done, to be freed, its `row.reason` too; NULL: none at the moment. */
struct finisher_job *finisher_take(struct finisher *f);

/* Whether anything is queued or not taken yet. */
bool finisher_busy(struct finisher *f);

/* Do what is queued, then end the thread.  finisher_take still gives what was done. */
void finisher_end(struct finisher *f);

#endif
