/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a stopped thread may be made to call the loader and the allocator: whether nothing
 * of theirs is under way in it.
 *
 * Its whole call stack is unwound (libdwfl), to the outermost frame.  It must show a frame of
 * the program's own, and no frame in
 *   - the dynamic loader, memprof's library, an allocator that is a library of its own;
 *   - a function of libc or the executable that may hold a lock that we will need: those of the
 *     allocator and the loader, fork, those that make and end threads, exit handlers;
 *   - a signal handler: what it interrupted is not known to be safe.
 */
#ifndef MEMPROF_HOST_SAFEPOINT_H
#define MEMPROF_HOST_SAFEPOINT_H

#include "src/host/attach/remote.h"

#include <sys/user.h>

struct Dwfl;

struct safepoint_range {
    uint64_t start, end;
};

struct safepoint {
    struct Dwfl *dwfl;
    const struct remote *remote;
    struct safepoint_range *unsafe;
    uint32_t unsafe_count;
    uint64_t libc_start, libc_end, loader_start, loader_end;
    /* of the thread that is looked at */
    const struct user_regs_struct *registers;
    uint32_t frames;
    bool own; /* a frame of the program's own was seen */
};

/*
 * For a process whose modules were read.  `library` is the path of memprof's.  0, or -1 with
 * `e` set.  `r` must outlive it.
 */
int safepoint_open(struct safepoint *s, const struct remote *r, const char *library,
                   struct error *e);
void safepoint_release(struct safepoint *s);

/* Whether the stopped thread `tid` with these registers is at one. */
bool safepoint_at(struct safepoint *s, pid_t tid, const struct user_regs_struct *registers);

#endif
