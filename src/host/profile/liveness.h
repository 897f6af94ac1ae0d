/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the memprof that writes a file is still there: a process is known by
 * its number and the time at which it started (/proc/PID/stat, proc(5)), and
 * only on its own host.
 */
#ifndef MEMPROF_HOST_LIVENESS_H
#define MEMPROF_HOST_LIVENESS_H

#include "src/host/profile/profile.h"

/* This process. */
void liveness_self(struct profile_writer *writer);

/* Whether the profile was read from a file that is still being written, on this host. */
bool liveness_writer(const struct profile *p);

#endif
