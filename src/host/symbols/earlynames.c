// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/earlynames.h"

#include "src/host/files/filefaults.h"
#include "src/shared/stacktrie.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLS_BEFORE 2u               /* of earlynames_watch: as many 50 ms */
#define PAUSE_NS (100 * 1000 * 1000L) /* between two looks */
#define RECENT 4096u                  /* frames; a power of two */
#define WORTH_A_THREAD 1000u          /* nodes, at the end */

void earlynames_init(struct earlynames *n, const struct segment *segment,
                     struct symbolizer *symbolizer, bool wanted)
{
    *n = (struct earlynames){.segment = segment, .symbolizer = symbolizer, .ready = wanted};
    if (!wanted)
        return;
    /* relaxed: those that a fork left here were published before */
    n->next = atomic_load_explicit(&segment_header(segment)->nodes_used, memory_order_relaxed);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->more, NULL);
}

/* -------------------------------------------------------------- the thread -- */

static bool is_set(struct earlynames *n, const bool *flag)
{
    bool set;

    pthread_mutex_lock(&n->lock);
    set = *flag;
    pthread_mutex_unlock(&n->lock);
    return set;
}

/* Nodes share frames: most that were prepared need not be again. */
static bool is_recent(struct earlynames *n, uint64_t frame)
{
    uint64_t *place = &n->recent[(frame * UINT64_C(0x9e3779b97f4a7c15)) >> 52 & (RECENT - 1)];

    if (*place == frame)
        return true;
    *place = frame;
    return false;
}

static void look(struct earlynames *n)
{
    const struct segment_header *h = segment_header(n->segment);
    /* acquire: the nodes below it were reserved; one that is not written yet is passed over */
    uint32_t used = atomic_load_explicit(&h->nodes_used, memory_order_acquire), parent;
    uint64_t frame;

    symbolizer_forget_changed(n->symbolizer);
    for (; n->next < used && n->next < n->segment->layout.nodes_max; n->next++)
        if (stacktrie_read(n->segment, n->next, &frame, &parent) && !is_recent(n, frame)) {
            if (is_set(n, &n->ended))
                return;
            symbolizer_prepare(n->symbolizer, frame);
        }
}

/* false: the end.  In a hurry there is one more look, and no pause before it. */
static bool pause_between(struct earlynames *n, bool *last)
{
    struct timespec until;
    bool ended;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PAUSE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&n->lock);
    while (!n->ended && !n->hurried &&
           pthread_cond_clockwait(&n->more, &n->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
        ;
    ended = n->ended || *last;
    *last = n->hurried;
    pthread_mutex_unlock(&n->lock);
    return !ended;
}

static void *prepare(void *context)
{
    struct earlynames *n = context;
    bool last = is_set(n, &n->hurried); /* before it began */

    /* what runs meanwhile is the program */
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){.sched_priority = 0});
    filefaults_begin(); /* once, or each frame would cost two system calls */
    do
        look(n);
    while (pause_between(n, &last));
    filefaults_end();
    return NULL;
}

/* Signals to this process are for its other threads. */
static void start(struct earlynames *n)
{
    sigset_t all, before;

    n->recent = calloc(RECENT, sizeof(*n->recent));
    if (!n->recent)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    n->running = pthread_create(&n->thread, NULL, prepare, n) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (n->running)
        return;
    free(n->recent);
    n->recent = NULL;
}

/* ----------------------------------------------------------------- outside -- */

void earlynames_watch(struct earlynames *n)
{
    if (n->ready && !n->running && n->watched <= CALLS_BEFORE && n->watched++ == CALLS_BEFORE)
        start(n);
}

void earlynames_hurry(struct earlynames *n)
{
    /* relaxed: only how much there is to do */
    uint32_t used =
        atomic_load_explicit(&segment_header(n->segment)->nodes_used, memory_order_relaxed);

    if (!n->ready)
        return;
    pthread_mutex_lock(&n->lock);
    n->hurried = true;
    pthread_cond_signal(&n->more);
    pthread_mutex_unlock(&n->lock);
    if (!n->running && used > n->next && used - n->next >= WORTH_A_THREAD)
        start(n);
}

void earlynames_end(struct earlynames *n)
{
    if (!n->ready)
        return;
    n->ready = false;
    pthread_mutex_lock(&n->lock);
    n->ended = true;
    pthread_cond_signal(&n->more);
    pthread_mutex_unlock(&n->lock);
    if (n->running)
        pthread_join(n->thread, NULL);
    n->running = false;
    free(n->recent);
    n->recent = NULL;
    pthread_mutex_destroy(&n->lock);
    pthread_cond_destroy(&n->more);
    symbolizer_forget_changed(n->symbolizer);
}
