/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forked children with --follow=all.  A fork is announced in the stream of the thread that
 * makes it, by a handler that libc's fork calls last before the system call; the child, in
 * which the gate is closed, is recorded from its first call of an entry point on.  A child
 * that never makes one costs nothing, and one of vfork shares its parent's gate and memory.
 *
 * Only raw system calls are made in the child: the parent may have had other threads, which
 * may have held any lock.
 */
#ifndef MEMPROF_PRELOAD_FORKED_H
#define MEMPROF_PRELOAD_FORKED_H

/* From the constructor, once: announce forks from now on. */
void forked_watch(void);

enum forked_outcome {
    FORKED_UNHEARD = 0, /* not recorded, and the host does not know of it */
    FORKED_DECLINED,    /* not recorded: the host has a row that says why */
    FORKED_RECORDED,
};

/*
 * In a child whose parent was recorded: ask the host for a segment and go on with it.  errno is
 * kept.
 */
enum forked_outcome forked_rejoin(void);

#endif
