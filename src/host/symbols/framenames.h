/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the frames of a profile whose process has just ended: what the
 * symbolizer, which opened the modules while the process ran, knows of them.
 */
#ifndef MEMPROF_HOST_FRAMENAMES_H
#define MEMPROF_HOST_FRAMENAMES_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/symbols/modmap.h"

/*
 * Fill in p->lines.  The modules of `p` are those of the map, as is the use of
 * frames to them.  0, or -1 with `e` set (out of memory).
 */
int frame_names(struct profile *p, struct modmap *map, struct error *e);

#endif
