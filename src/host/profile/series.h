/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moments of a run as it goes on, each with its packed changes.  Snapshots
 * are all kept.  Of the checkpoints SERIES_CHECKPOINTS at most, spread evenly
 * over the run: time is divided into spans, and of the checkpoints within one
 * span only the last stays.  The others' changes pass to the moment after them,
 * so that the sum of all changes is always the latest state.  When they become
 * too many the spans are made twice as long.
 *
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_SERIES_H
#define MEMPROF_HOST_SERIES_H

#include "src/host/profile/changes.h"

#define SERIES_CHECKPOINTS 64u

struct series {
    struct profile_moment *moments;
    struct profile_changes *changes;
    uint32_t count, room;
    uint32_t checkpoints; /* of the moments */
    double span;          /* seconds; 0: all are kept so far */
    uint64_t bytes;       /* of all changes */
};

void series_init(struct series *s);
void series_release(struct series *s);

/*
 * Add the moment that follows all others; the changes are copied.  0, or -1
 * with `e` set and the series as it was, but for thinning.
 */
int series_add(struct series *s, const struct profile_moment *moment,
               const struct profile_changes *changes, struct error *e);

/*
 * Give the moments to a profile, in place of those that it has; their labels are
 * the profile's strings.  The series is empty afterwards.
 */
void series_hand_over(struct series *s, struct profile *p);

#endif
