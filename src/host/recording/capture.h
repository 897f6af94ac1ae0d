/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the moments of one process image are taken: at its start, every few
 * seconds, by a timer, on a signal, by the program itself, and on request.  The
 * collector's thread calls capture_before and capture_after around each of its
 * rounds, and takes all of them there, between two records; the target is never
 * stopped.  Requests may come from any thread, and are answered through
 * capture_answers.
 *
 * A request is served after a round that began after it: what the program had
 * recorded by then is in it.
 */
#ifndef MEMPROF_HOST_CAPTURE_H
#define MEMPROF_HOST_CAPTURE_H

#include "src/host/model/births.h"
#include "src/host/model/blockfind.h"
#include "src/host/pools/poolstate.h"
#include "src/host/recording/profile-build.h"
#include "src/host/recording/writer.h"
#include "src/host/search/leaksearch.h"

#define CAPTURE_LABEL_BYTES 256u /* NUL included */

enum capture_kind {
    CAPTURE_STATUS,   /* the numbers now */
    CAPTURE_SNAPSHOT, /* a snapshot; answered when it is written */
    CAPTURE_HEAP,     /* a look at the heap (heaplook.h), written to the file */
    CAPTURE_BLOCK,    /* the live block that holds `address`, its stack written to the file */
    CAPTURE_SEARCH,   /* a search for leaks, written to the file */
};

struct capture_request {
    uint64_t ticket; /* nobody waits for an answer: 0 */
    uint32_t kind;   /* enum capture_kind */
    uint32_t cause;  /* enum moment_cause, of a snapshot */
    uint64_t address;
    struct leaksearch_question search; /* of CAPTURE_SEARCH; its cause is not looked at */
    char label[CAPTURE_LABEL_BYTES];   /* "": none */
};

enum capture_outcome {
    CAPTURE_DONE = 0,
    CAPTURE_ENDED,     /* the process ended before */
    CAPTURE_NOT_FOUND, /* no live block there */
    CAPTURE_FAILED,    /* `error` says why */
};

struct capture_answer {
    uint64_t ticket;
    uint32_t kind;
    uint32_t outcome;                 /* enum capture_outcome */
    uint32_t snapshots;               /* taken so far */
    struct profile_moment moment;     /* the label is not set */
    struct found_block block;         /* of CAPTURE_BLOCK */
    uint32_t search;                  /* of CAPTURE_SEARCH: its number */
    uint64_t lost_bytes, lost_blocks; /* definitely and indirectly; or SEARCH_NO_ANSWER */
    double first_seconds, last_seconds, now_seconds; /* of the block's site */
    struct error error;
};

struct capture_options {
    struct builder_source source;
    const char *path;            /* of the file; NULL: none */
    uint32_t clock;              /* enum segment_clock */
    uint64_t begin_ns;           /* CLOCK_MONOTONIC at source.origin */
    uint64_t every_ns;           /* --snapshot-every; 0: not */
    struct collector *collector; /* which calls capture_before and _after */
    pid_t pid;
    const struct leaksearch_options *search; /* NULL: no search is ever made */
    int ready;                               /* eventfd, written when there are answers; -1: none */
    void (*describe)(void *context, struct profile *part, double seconds); /* fills in `process` */
    void *context;
};

struct capture_entry;

struct capture {
    struct capture_options options;
    struct profile_builder builder;
    struct writer writer;
    struct error trouble; /* the first thing that kept a checkpoint from being made */
    uint32_t signals_seen, signals_due, timers_due;
    uint32_t snapshots;
    bool left_over; /* the last round found no room for all that was due */
    uint64_t next_checkpoint_ns, next_snapshot_ns;
    uint64_t checkpoint_events; /* of the model at the last checkpoint */
    uint64_t checkpoint_ns;
    uint32_t heap_looks;     /* so far */
    uint32_t snapshot_pools; /* rows of them so far */
    bool finished;           /* the process has ended */
    bool heap_due;           /* the next moment comes with a look at the heap */
    struct births births;
    struct leaksearch *search; /* taken; the next moment comes with what is found in it */
    uint32_t searches;         /* taken so far */
    uint32_t searches_seen;    /* of segment_header.searches_asked */
    uint32_t end_asked;        /* this one was at the program's end, and waits; if end_due */
    bool end_due, end_searched;
    struct poolstate_rows end_pools; /* at the program's end, if that waited for us */
    char *suppressions; /* what the program's __lsan_default_suppressions said; NULL: nothing */
    struct capture_entry *noted, *noted_last; /* the collector's: to be served after this round */
    pthread_mutex_t lock;                     /* of the rest */
    struct capture_entry *asked, *asked_last, *waiting, *answers, *answers_last;
};

/* Starts the writer's thread.  0, or -1 with `e` set and nothing to release. */
int capture_init(struct capture *c, const struct capture_options *options, struct error *e);
void capture_release(struct capture *c);

/* --------------------------------------------------- the collector's thread -- */

/* The first thing of all: writes what is known at the start. */
void capture_begin(struct capture *c);

/* Before a round.  Returns the nanoseconds until there may be something to take. */
uint64_t capture_before(struct capture *c);
void capture_after(struct capture *c);

/* The program asked, at this very record, which it made at `time` (ticks). */
void capture_by_program(struct capture *c, const char *label, uint64_t time);

/* --------------------------------------------------------------- any thread -- */

/* Put a request; the caller rouses the collector.  Out of memory: -1. */
int capture_ask(struct capture *c, const struct capture_request *request);

/* Take an answer; false: there is none now. */
bool capture_answer(struct capture *c, struct capture_answer *answer);

/* ------------------------------------------------------- at the image's end -- */

/*
 * The collector has stopped and the model is finished: take the last state and
 * wait until all is written.  What was asked for and not served is answered with
 * CAPTURE_ENDED.  `seconds` is how long the image ran.
 */
void capture_finish(struct capture *c, uint64_t time, double tick_seconds, double seconds);

#endif
