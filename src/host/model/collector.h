/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector: drains the ring of one process image into its model, in the
 * order in which things happened.
 *
 * While the target has one thread there is one stream, whose records carry no
 * time, and nothing to order.  From the first record with a time on, work goes
 * in rounds.  A round reads whose turn it is, or the clock (stamp.h), makes every
 * thread of the target pass a memory barrier, and looks at all streams: one with
 * nothing in flight can only make records with larger stamps, or with that of its
 * own turn; one with a record in flight is bounded by what it was last seen to
 * have done.  The minimum of these is the watermark.  Records up to it are merged
 * by stamp; the others wait for the next round.
 *
 * One thread at a time may use a collector, except for collector_stop.
 */
#ifndef MEMPROF_HOST_COLLECTOR_H
#define MEMPROF_HOST_COLLECTOR_H

#include "src/host/error.h"
#include "src/host/model/model.h"
#include "src/host/model/stream.h"

#include <sys/types.h>

struct collector_options {
    pid_t pid; /* 0: no process to ask about (tests, benchmarks): threads are never found gone */
    uint32_t clock; /* enum segment_clock */
    /* Called by collector_run now and then, at most 20 times a second; may be NULL. */
    void (*poll)(void *context);
    /*
     * Called by collector_run before and after each round, both or neither NULL:
     * what is committed when `before` is called is in the model when `after` is,
     * but for records that wait for the time of one in flight.  `before` returns
     * the nanoseconds until it is to be called again at the latest.
     */
    uint64_t (*before)(void *context);
    void (*after)(void *context);
    void *context; /* of all three */
};

struct collector_heap_item {
    uint64_t key;
    struct stream *stream;
};

struct collector {
    const struct segment *segment;
    struct model *model;
    struct collector_options options;
    struct stream *streams;           /* by slot; layout.slots_max of them, untouched until used */
    struct collector_heap_item *heap; /* streams with records to merge, the oldest first */
    uint32_t heap_count;
    uint32_t used;       /* slots ever looked at */
    uint32_t open;       /* streams */
    uint32_t opened;     /* since ended threads were last looked for */
    uint32_t ended;      /* streams still open whose threads have */
    uint32_t chunks;     /* given to the ring so far */
    uint32_t buffer;     /* chunks meant for records between two rounds */
    uint32_t recycled;   /* in this round */
    uint32_t probe_next; /* slot at which the search for ended threads goes on */
    bool timed;          /* records carry times: work in rounds */
    uint64_t closed;     /* the last key that is taken, see segment_header.closed */
    int rss_fd;
    int barriers;            /* membarrier's commands that work here, a mask */
    _Atomic uint32_t roused; /* since the last round began */
    uint64_t polled_ns, named_ns, progressed_ns;
    struct model_event batch[MODEL_BATCH];
    uint32_t batched;
    _Atomic uint32_t stop;
};

/* Gives the ring its first chunks.  Segment and model must outlive the collector. */
int collector_init(struct collector *c, const struct segment *segment, struct model *model,
                   const struct collector_options *options, struct error *e);
void collector_release(struct collector *c);

/* Drain what can be drained now; returns the records taken.  Never sleeps. */
uint64_t collector_round(struct collector *c);

/* Rounds and sleeps until collector_stop.  The body of the collector's thread. */
void collector_run(struct collector *c);

/* From any thread: the next round is to begin now, not after the sleep. */
void collector_rouse(struct collector *c);

/* From any thread: collector_run is to return soon, even if it is just falling asleep. */
void collector_stop(struct collector *c);

/*
 * All threads of the target stand still: take everything that was committed, records that
 * others have in flight notwithstanding.  Those come later, and have times before what was
 * taken now; no block is handed over by one (see record.h), so that only the times suffer.
 * The streams stay open.
 */
void collector_settle(struct collector *c);

/* The target's image is gone: take everything that was committed. */
void collector_finish(struct collector *c);

#endif
