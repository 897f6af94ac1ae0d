/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a profile for a command: snapshot_read (snapshot.h), and names for a profile that has
 * none yet, because it was never finished or is still being written (profile-symbolize.h).
 */
#ifndef MEMPROF_HOST_SNAPSHOT_OPEN_H
#define MEMPROF_HOST_SNAPSHOT_OPEN_H

#include "src/host/profile/snapshot.h"

int snapshot_open(struct profile *p, const char *path, struct error *e);

#endif
