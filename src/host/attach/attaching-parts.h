/* SPDX-License-Identifier: Apache-2.0 */
/* What attaching.c and attaching-check.c share. */
#ifndef MEMPROF_HOST_ATTACHING_PARTS_H
#define MEMPROF_HOST_ATTACHING_PARTS_H

#include "src/host/attach/attaching.h"
#include "src/host/attach/remote.h"

/* Whether the process sees the same file, or socket, by this path. */
bool attaching_sees(pid_t pid, const char *file);

/*
 * Whether system calls that the thread makes are filtered (seccomp): one that is not allowed may
 * end it, and what a filter allows cannot be asked.
 */
bool attaching_confined(pid_t tid);

/* Of a process: a filter may be one thread's alone. */
enum confinement { CONFINED_NONE = 0, CONFINED_SOME, CONFINED_ALL };
enum confinement attaching_confinement(pid_t pid);

#endif
