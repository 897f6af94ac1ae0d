/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record a process that runs already: have it load the recorder (attaching.h), collect what it
 * records until it ends, somebody sends this process SIGINT, SIGTERM, SIGHUP or SIGQUIT, or asks
 * for it (CONTROL_DETACH, control.h), then leave it as it was.  What comes of it is the same as
 * of run.h, with one image; requests are served meanwhile.
 *
 * Where the search for leaks at the end is wanted, it is made before detaching; of a process
 * that ends by itself, when it calls exit or its like, before its other exit handlers.
 */
#ifndef MEMPROF_HOST_ATTACH_H
#define MEMPROF_HOST_ATTACH_H

#include "src/host/attach/attaching.h"
#include "src/host/recording/run.h"

struct attach_options {
    pid_t pid;
    const struct run_options *run; /* `program` and `arguments` are not looked at */
    uint64_t timeout_ns;           /* for loading the recorder, and for leaving */
    void (*begun)(void *context);  /* records flow; may be NULL */
    void *context;
};

struct attach_result {
    struct run_result run;
    enum attaching_verdict verdict; /* when it could not be attached to: why, in kind */
    enum attaching_left left;       /* how it was left */
};

/* 0: it was recorded.  -1 with `e` set: it was not, and nothing is to be released. */
int attach_program(const struct attach_options *options, struct attach_result *result,
                   struct error *e);
void attach_result_release(struct attach_result *result);

#endif
