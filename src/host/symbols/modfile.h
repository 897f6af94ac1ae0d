/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that a module was mapped from, found while the process runs and
 * held open, so that what is read later is what was mapped.
 */
#ifndef MEMPROF_HOST_MODFILE_H
#define MEMPROF_HOST_MODFILE_H

#include "src/host/symbols/buildid.h"

#include <sys/stat.h>
#include <sys/types.h>

struct modfile_request {
    const char *path;    /* as the loader named it; "" is the executable */
    const char *sysroot; /* tried first, before the path; NULL none */
    pid_t pid;           /* the process, 0 when it is gone */
    uint64_t start, end; /* an address range that the module was mapped at */
    struct buildid id;   /* of what was mapped; size 0 unknown */
};

struct modfile {
    int fd;         /* -1: none was found */
    bool replaced;  /* the file on disk is not the one that was mapped */
    struct stat st; /* as it was when opened */
};

/*
 * Find and open the file, in this order: under the sysroot, by its path, by
 * its path as the process sees it (/proc/PID/root, /proc/PID/cwd), the running
 * executable, the mapping itself (/proc/PID/map_files, which needs
 * CAP_CHECKPOINT_RESTORE).  A file with another build ID than what was mapped
 * is passed over; where the module has none, a file that the kernel says was
 * deleted is.
 */
void modfile_open(struct modfile *f, const struct modfile_request *r);
void modfile_release(struct modfile *f);

/* Whether the open file was changed in place since; then it must not be read. */
bool modfile_changed(const struct modfile *f);

#endif
