/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of a run that have not said hello: forked ones that still have their parent's
 * segment mapped, and programs that are just being loaded and have the session's socket in
 * their environment.  Found in /proc; those of other users cannot be seen.
 */
#ifndef MEMPROF_HOST_STRAGGLERS_H
#define MEMPROF_HOST_STRAGGLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stragglers_search {
    const char *session;   /* path of the socket */
    const ino_t *segments; /* of the memfds */
    size_t segment_count;
    bool (*known)(void *context, pid_t pid); /* processes not to look at */
    void *context;
};

/* The process ids of up to `room` of them; returns how many. */
size_t stragglers_find(const struct stragglers_search *s, pid_t *pids, size_t room);

#endif
