/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules of one process image, read from the segment as the target
 * reports them, each handed to the symbolizer at once so that its file is open
 * before it can be deleted or replaced.
 *
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_MODMAP_H
#define MEMPROF_HOST_MODMAP_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/symbols/symbolize.h"
#include "src/shared/segment.h"

#include <limits.h>

struct modmap_module {
    struct profile_module module; /* `path` is not set: see below */
    char *path;                   /* absolute where that could be found out */
};

struct modmap {
    const struct segment *segment;
    struct symbolizer *symbolizer;
    struct modmap_module *modules; /* indices are the symbolizer's too */
    uint32_t count, room;
    uint32_t last_found;
    pid_t pid;
    bool failed;         /* out of memory: later modules are missing */
    char ours[PATH_MAX]; /* the preload library */
    char executable[PATH_MAX];
    char directory[PATH_MAX]; /* the process's when it began */
};

/*
 * The process `pid` must be alive and waiting for its segment.  `preload` is the
 * path of memprof's own library, `program` what stands in when the kernel
 * does not tell the executable.
 */
int modmap_init(struct modmap *m, const struct segment *segment, pid_t pid, const char *program,
                const char *preload, const struct symbolizer_options *options, struct error *e);
void modmap_release(struct modmap *m);

/* Read what the target has published since the last time. */
void modmap_update(struct modmap *m);

/* The process is gone: read the rest and mark what was unloaded. */
void modmap_finish(struct modmap *m);

/* The module that a tagged frame lies in, or NO_MODULE. */
uint32_t modmap_find(struct modmap *m, uint64_t frame);

#endif
