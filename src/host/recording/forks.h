/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was live at forks whose children have not said hello yet.  Most never do: they
 * execute something at once.  So only the last ones are kept, FORKS_MAX of them within
 * FORKS_BYTES, or a single one within FORKS_LARGEST; of older ones only that they were is
 * known for some time.
 *
 * Collectors' threads put, the thread that serves hellos takes.
 */
#ifndef MEMPROF_HOST_FORKS_H
#define MEMPROF_HOST_FORKS_H

#include "src/host/recording/inheritance.h"

#include <pthread.h>

#define FORKS_MAX 1024u
#define FORKS_REMEMBERED 4096u
#define FORKS_BYTES (UINT64_C(256) << 20)
#define FORKS_LARGEST (UINT64_C(1) << 30)

enum forks_result {
    FORKS_TAKEN = 0, /* the caller's now */
    FORKS_DROPPED,   /* it was too large, too long ago, or is another child's already */
    FORKS_NOT_YET,   /* the record of this fork has not been read */
};

struct forks_entry {
    uint32_t image, number; /* whose fork, and its how many'th */
    bool kept;
    uint64_t bytes;
    struct inheritance inheritance;
};

struct forks {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct forks_entry *entries; /* a ring: `first` is the oldest */
    uint32_t first, count;
    uint32_t kept;
    uint64_t bytes;
};

/* false: out of memory. */
bool forks_init(struct forks *f);
void forks_release(struct forks *f);

/* `image` is about to fork: keep what is live in its model now. */
void forks_put(struct forks *f, uint32_t image, uint32_t number, const struct model *m);

/* Waits for the record for `wait_ms` at most. */
enum forks_result forks_take(struct forks *f, uint32_t image, uint32_t number, unsigned wait_ms,
                             struct inheritance *in);

/* The child of that fork will not ask: it executes something. */
void forks_drop(struct forks *f, uint32_t image, uint32_t number);

/* Whether something is kept for a child of this image. */
bool forks_pending(struct forks *f, uint32_t image);
bool forks_any_pending(struct forks *f);

#endif
