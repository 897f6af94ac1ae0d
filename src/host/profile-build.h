/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the collector's model to a profile: stacks and frames that sites refer
 * to, each distinct frame symbolized once, times in seconds.
 */
#ifndef MEMPROF_HOST_PROFILE_BUILD_H
#define MEMPROF_HOST_PROFILE_BUILD_H

#include "src/host/error.h"
#include "src/host/model.h"
#include "src/host/modmap.h"
#include "src/host/profile.h"

struct profile_source {
    const struct segment *segment;
    const struct model *model; /* finished (model_finish) */
    struct modmap *modmap;     /* finished (modmap_finish) */
    uint64_t origin;           /* the clock when the image began */
    double tick_seconds;
};

/*
 * Fill in everything of `p` (fresh from profile_init) but `process`.  0, or -1
 * with `e` set and `p` to be released.
 */
int profile_build(struct profile *p, const struct profile_source *source, struct error *e);

#endif
