/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process image under recording: its segment, model, modules, the thread
 * that collects, and the profile in the making with the thread that writes it.
 *
 *   image_prepare → image_begin → image_stop → image_profile → image_write
 *
 * and image_release after any of them.  All calls come from one thread, which
 * must live as long as the process: it holds the mutex by which the target
 * knows that the host is alive.
 */
#ifndef MEMPROF_HOST_IMAGE_H
#define MEMPROF_HOST_IMAGE_H

#include "src/host/model/collector.h"
#include "src/host/process/procinfo.h"
#include "src/host/recording/capture.h"
#include "src/host/recording/forks.h"
#include "src/host/recording/run.h"
#include "src/host/symbols/earlynames.h"
#include "src/host/symbols/modmap.h"

#include <pthread.h>

#define IMAGE_ARGUMENTS_BYTES 32768u

/* What ties the images of a run together. */
struct image_family {
    uint32_t number;           /* of the image, as in its settings */
    struct forks *forks;       /* where its forks are kept; NULL: nobody asks for them */
    struct binaries *binaries; /* files that were read for others; NULL: each reads its own */
};

/* A forked child: whose, and by which fork (record.h, struct hello). */
struct image_birth {
    int64_t parent; /* process id */
    uint32_t from, fork;
};

struct image {
    struct segment segment;
    int fd; /* of the segment's memory; -1 once handed over */
    bool begun, running;
    struct model model;
    struct collector collector;
    struct modmap modmap;
    struct capture capture;
    struct earlynames names;     /* what frames will be named from, read meanwhile */
    struct snapshot_draft draft; /* of the finished profile, while its frames are named */
    char *path;                  /* of the profile; NULL: none is written */
    pthread_t thread;
    pid_t pid;
    struct procinfo_file file; /* what it executes */
    bool file_known;
    uint32_t clock;
    uint64_t begin_ticks, begin_ns, end_ticks, end_ns;
    int64_t started_unix;
    char *arguments; /* as in /proc/PID/cmdline */
    size_t arguments_size;
    char program[256];       /* procinfo_name of what runs */
    double attached_seconds; /* as in image_options */
    char host[256];
    struct image_family family;
    struct image_birth birth;                   /* fork: 0 if it is no forked child */
    uint64_t inherited_bytes, inherited_blocks; /* live at the beginning */
    const char
        *origin_unknown; /* after image_stop: why it is not known what it began with, or NULL */
};

struct image_options {
    const struct run_options *run;
    double attached_seconds; /* how old the process is, if it was not started by us; else 0 */
    int ready;               /* eventfd: there are answers to requests (capture.h) */
    bool placed; /* the profile goes to `path` (copied; NULL: nowhere), not to run->output */
    const char *path;
    struct image_family family;
    struct image_birth birth;
};

/* Make the segment.  0, or -1 with `e` set and nothing to release. */
int image_prepare(struct image *i, const struct segment_settings *settings, struct error *e);
void image_release(struct image *i);

/*
 * Before image_begin, of a forked child: its segment begins with the modules, stacks and own
 * ranges of its parent's, whose image may have ended but not been released.  false: it cannot,
 * since the segments are laid out differently.
 */
bool image_descend(struct image *i, const struct image *parent);

/* After image_stop: let go of all but the segment, which is there for image_descend. */
void image_shrink(struct image *i);

/* The process `pid` waits for its segment: start to collect.  0, or -1 with `e` set. */
int image_begin(struct image *i, pid_t pid, const struct image_options *options, struct error *e);

/*
 * Before image_begin: how the threads of `pid` are stopped for a search (stop.h).  The image
 * does not see its settings before the answer.
 */
void image_choose_stop(struct image *i, enum stop_how how, pid_t pid);

/* Ask for something (capture.h) while the image runs.  0, or -1: it does not, or no memory. */
int image_ask(struct image *i, const struct capture_request *request);

/*
 * Whether the process executes something else by now, without having said so: by a system call
 * that memprof does not see, or what the recorder cannot be loaded into.
 */
bool image_replaced(const struct image *i);

/* How many children it has made by libc's fork. */
uint32_t image_forks(const struct image *i);

/* What it started and memprof could not be reached from, by now. */
uint32_t image_unfollowed(const struct image *i);

/* Whether the process has said how it ends, or that it does not say (record.h, LEAVING_*). */
bool image_said_end(const struct image *i);

/*
 * After image_stop, of a process that ended with a status: whether it did so, or executed
 * something else, by a system call that memprof does not see.
 */
bool image_end_unseen(const struct image *i);

/*
 * The image is gone: take what is left and wait until it is written.  Afterwards
 * nothing in it changes; requests that were not served have their answers.
 */
void image_stop(struct image *i);

/*
 * After image_stop: the file gets the name of an earlier image, the number'th.
 * A device or a pipe does not take this image's profile; a file that cannot be
 * renamed is an error of image_write.
 */
void image_make_earlier(struct image *i, const struct run_options *options, uint32_t number);

/* Symbolize and fill in `result` but for its file.  Once; 0, or -1 with `e` set. */
int image_profile(struct image *i, struct run_image *result, struct error *e);

/* After image_profile: replace the file by the finished profile; its name goes to `result`. */
void image_write(struct image *i, struct run_image *result);

#endif
