/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process image under recording: its segment, model, modules and the
 * thread that collects.
 *
 *   image_prepare → image_begin → image_stop → image_profile
 *
 * and image_release after any of them.  All calls come from one thread, which
 * must live as long as the process: it holds the mutex by which the target
 * knows that the host is alive.
 */
#ifndef MEMPROF_HOST_IMAGE_H
#define MEMPROF_HOST_IMAGE_H

#include "src/host/collector.h"
#include "src/host/modmap.h"
#include "src/host/run.h"

#include <pthread.h>

#define IMAGE_ARGUMENTS_BYTES 32768u

struct image {
    struct segment segment;
    int fd; /* of the segment's memory; -1 once handed over */
    bool alive_locked;
    bool begun, running;
    struct model model;
    struct collector collector;
    struct modmap modmap;
    pthread_t thread;
    pid_t pid;
    uint32_t clock;
    uint64_t begin_ticks, begin_ns, end_ticks, end_ns;
    int64_t started_unix;
    char *arguments; /* as in /proc/PID/cmdline */
    size_t arguments_size;
};

/* Make the segment.  0, or -1 with `e` set and nothing to release. */
int image_prepare(struct image *i, const struct segment_settings *settings, struct error *e);
void image_release(struct image *i);

/* The process `pid` waits for its segment: start to collect.  0, or -1 with `e` set. */
int image_begin(struct image *i, pid_t pid, const struct run_options *options, struct error *e);

/* The image is gone: take what is left.  Afterwards nothing in it changes. */
void image_stop(struct image *i);

/* Symbolize and fill in `result`.  0, or -1 with `e` set. */
int image_profile(struct image *i, struct run_image *result, struct error *e);

#endif
