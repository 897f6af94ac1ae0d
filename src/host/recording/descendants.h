/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a run beside the launched one: each that says hello is recorded in an
 * image of its own, or is in the tree with the reason why not; those that have ended go to
 * the finisher.  A process's end is seen by a pidfd, so that no id that is used again
 * confuses anything.
 *
 * All calls come from the thread that serves hellos (image.h).
 */
#ifndef MEMPROF_HOST_DESCENDANTS_H
#define MEMPROF_HOST_DESCENDANTS_H

#include "src/host/process/preflight.h"
#include "src/host/recording/finisher.h"
#include "src/host/recording/forks.h"
#include "src/host/recording/run.h"
#include "src/host/recording/tree.h"
#include "src/host/symbols/binaries.h"

#include <poll.h>

/*
 * At once, as far as descriptors and the memory that was available at first allow it: each has a
 * segment, descriptors and about three threads here.  What is more runs unrecorded.
 */
#define DESCENDANTS_MAX 1024u
#define DESCENDANTS_DESCRIPTORS 16u /* 15 of a python3 that has nothing to say */
#define DESCENDANTS_BYTES (UINT64_C(16) << 20)
#define DESCENDANTS_FORKS (1u << 20) /* of an image; children of more are not counted */
#define DESCENDANTS_QUEUED 64u       /* beyond so many to be finished, whoever says hello waits */

struct descendant {
    struct image *image; /* NULL: not recorded, or let go of */
    int pidfd;           /* -1: not watched (any more) */
    pid_t pid;
    uint64_t start_ticks;
    bool running;    /* it is this process's current image */
    bool launched;   /* of the launched process: the caller's to stop and to finish */
    uint64_t *heard; /* a bit for each fork whose child has said what becomes of it */
    uint32_t heard_words;
};

/* A process that may become one of ours, or has a row without being recorded. */
struct descendants_expected {
    pid_t pid;
    int pidfd;
    uint64_t start_ticks;
    uint32_t row; /* its index; TREE_NONE */
    /* It is a forked child that asked whether it may execute something: by which fork; 0: none. */
    uint32_t from, fork;
};

struct descendants {
    const struct run_options *run;
    const struct segment_settings *settings;
    struct tree *tree;
    struct descendant *all; /* by image number - 1, as the tree's rows */
    uint32_t room, running;
    uint32_t most; /* at once; 0: not worked out yet */
    struct descendants_expected *expected;
    size_t expected_count, expected_room;
    struct forks forks;
    struct binaries binaries;
    struct finisher finisher;
    /* An image was stopped: requests that it was asked have their answers.  NULL at first. */
    void (*stopped)(void *context, struct image *image);
    void *context;
    bool started;
    int ready;            /* eventfd of requests' answers and finished images */
    char *folder;         /* of the run; NULL: none yet */
    bool carried;         /* a program was executed that may say hello */
    struct error trouble; /* the first that kept one from being recorded */
};

int descendants_begin(struct descendants *d, const struct run_options *run,
                      const struct segment_settings *settings, struct tree *tree, int ready,
                      struct error *e);

/* Release what is left; images that still run are left to themselves. */
void descendants_release(struct descendants *d);

/* The row of a new image of the launched process; its number, 0: out of memory. */
uint32_t descendants_add_launched(struct descendants *d, struct image *image, pid_t pid,
                                  uint32_t from, const char *program);

/* Such an image is being recorded, with its profile at `path` if that is in the run's folder. */
void descendants_recorded(struct descendants *d, uint32_t number, const char *path);

/*
 * The caller has finished such an image: it is released, or kept for children that may still
 * say hello.
 */
void descendants_let_go(struct descendants *d, uint32_t number);

/* As server_handlers.hello, for a process that is not the launched one. */
int descendants_hello(struct descendants *d, const struct hello *said, pid_t peer,
                      struct hello_answer *answer);

/* As server_handlers.execute and not_executed. */
bool descendants_execute(struct descendants *d, const struct execute_question *asked,
                         const char *path, pid_t peer, uint32_t *row);
void descendants_not_executed(struct descendants *d, const struct execute_failure *said,
                              pid_t peer);

/* Whether --only and --not let this process be recorded; `program` gets its base name. */
bool descendants_wanted(const struct run_options *run, pid_t pid, char *program, size_t size);

/* What to wait for, appended to `polls`, which has room for descendants_polls_max. */
size_t descendants_polls_max(const struct descendants *d);
size_t descendants_polls(const struct descendants *d, struct pollfd *polls);

/* Look for processes that execute something else without having said so (image_replaced). */
void descendants_look(struct descendants *d);

/*
 * Whether image `number`, of process `pid`, ended by executing what has a row without being
 * recorded: it asked about it, and did not say that it ends.
 */
bool descendants_succeeded(const struct descendants *d, uint32_t number, pid_t pid);

/* Image `number` of process `pid` was replaced so: a row for what it executes now, once. */
void descendants_replaced(struct descendants *d, uint32_t number, pid_t pid);

/* Deal with those that have ended, and with what the finisher has done. */
void descendants_handle(struct descendants *d);

/*
 * The launched process has ended: whether another one still runs that is recorded or may come
 * to be.
 */
bool descendants_remain(struct descendants *d, const char *session);

/* The running image of a process, or NULL; and each running one in turn, from `*at` 0 on. */
struct image *descendants_find(const struct descendants *d, pid_t pid);
struct image *descendants_next(const struct descendants *d, uint32_t *at);

/*
 * No more is recorded: finish all others, be it that they run.  Nothing is called for them from
 * then on (run_options.each).
 */
void descendants_settle(struct descendants *d);

/* That, and what there is to say of all, the launched process's own images too. */
void descendants_finish(struct descendants *d);

/* Take the run's folder away again: there is nothing but the table in it. */
void descendants_abandon(struct descendants *d);

/* Where the n'th image's profile is to be, to be freed; NULL: nowhere, or out of memory. */
char *descendants_path(struct descendants *d, uint32_t number, const char *program, pid_t pid);

#endif
