/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that puts a profile together while the program runs: it takes
 * checkpoints from a queue, adds each to the whole profile and to the series of
 * moments, and appends it to the file.  So nobody who makes checkpoints waits
 * for the disk.
 *
 * The whole profile, the series and the journal belong to the thread from
 * writer_start until writer_finish.
 */
#ifndef MEMPROF_HOST_WRITER_H
#define MEMPROF_HOST_WRITER_H

#include "src/host/error.h"
#include "src/host/profile/journal.h"
#include "src/host/profile/series.h"
#include "src/host/recording/checkpoint.h"

#include <pthread.h>
#include <stdatomic.h>

#define WRITER_SHALLOW 2u /* checkpoints queued while there is still a place */
#define WRITER_DEEP 256u  /* beyond this even writer_put waits */

/*
 * A checkpoint is in the `whole` profile and, if there is one, in the file; or not, and
 * `e` says why.  Called in the writer's thread.
 */
typedef void writer_done(void *context, uint64_t ticket, const struct profile_moment *moment,
                         const struct profile *whole, const struct error *e);

struct writer_options {
    const char *path; /* of the file; NULL: none.  Copied. */
    writer_done *done;
    void *context;
};

struct writer_item;

struct writer {
    struct profile whole;
    struct series series;
    struct journal journal;
    bool journal_open;
    struct error trouble; /* the profile cannot be complete: out of memory */
    struct error lost;    /* the file's: the last try to write it failed */
    writer_done *done;
    void *context;
    char *path;
    pthread_t thread;
    pthread_mutex_t lock; /* of the five below */
    pthread_cond_t more, room;
    struct writer_item *first, *last;
    uint32_t queued;
    bool closing;
    bool running;
};

/* 0, or -1 with `e` set and nothing to finish. */
int writer_start(struct writer *w, const struct writer_options *options, struct error *e);

/* Whether there is a place in the queue for a checkpoint that could as well be skipped. */
bool writer_has_room(struct writer *w);

/*
 * Hand over a checkpoint; what it holds is the writer's.  `ticket` not 0: `done`
 * is to be called.  Waits only where WRITER_DEEP are queued, that is, where the
 * program itself asks for snapshots faster than they can be packed.  Returns -1
 * with `e` set, and the checkpoint released, when memory runs out: nothing may
 * be put any more, since a part is missing.
 */
int writer_put(struct writer *w, struct checkpoint *c, uint64_t ticket, struct error *e);

/*
 * writer_put for the last checkpoint of all, without a ticket: the profile gets it,
 * the journal keeps it in memory (journal_defer).
 */
int writer_put_last(struct writer *w, struct checkpoint *c, struct error *e);

/*
 * No more checkpoints come: wait until all are written and end the thread.  The
 * profile, the series and the journal are then the caller's to use.
 */
void writer_finish(struct writer *w);

/* After writer_finish. */
void writer_release(struct writer *w);

#endif
