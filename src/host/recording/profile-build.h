/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the collector's model to a profile, piece by piece: the builder lives as
 * long as the process image and makes a checkpoint (checkpoint.h) of what the
 * model gained and what changed since the last one.  The profile's numbers of
 * nodes, frames and sites are given out here and are final.  Nothing is
 * symbolized: profile_name_frames does that when the process has ended.
 *
 * Not thread-safe: the collector's thread makes checkpoints, between two records.
 */
#ifndef MEMPROF_HOST_PROFILE_BUILD_H
#define MEMPROF_HOST_PROFILE_BUILD_H

#include "src/host/error.h"
#include "src/host/model/model.h"
#include "src/host/recording/checkpoint.h"
#include "src/host/recording/stacknumbers.h"
#include "src/host/symbols/modmap.h"

struct builder_source {
    const struct segment *segment;
    const struct model *model;
    struct modmap *modmap;
    uint64_t origin; /* the clock when the image began */
    bool peak;       /* keep what every site held at the peak */
    int segment_fd;  /* the segment's memory; 0: not to be asked how much there is */
};

/* What a checkpoint is, and how to turn ticks into seconds now. */
struct builder_moment {
    uint64_t time; /* ticks; the model is as it was then */
    double tick_seconds;
    uint32_t kind, cause, number; /* as in struct profile_moment */
    const char *label;            /* NULL or "": none */
};

struct profile_builder {
    struct builder_source source;
    struct stack_numbers stacks;
    struct profile_stats *shadow; /* of every site, as the last checkpoint left it */
    uint8_t *truncated; /* of every site: whether the outermost frames of its stack lack */
    uint32_t site_count, room;
    uint32_t mark_count, fault_count;
    uint32_t checkpoints;
    uint64_t own_host_bytes; /* the most so far */
    double seconds;          /* of the last checkpoint: they never go back */
};

/* The source's objects must outlive the builder.  0, or -1 with `e` set; release in either case. */
int profile_builder_init(struct profile_builder *b, const struct builder_source *source,
                         struct error *e);
void profile_builder_release(struct profile_builder *b);

/*
 * Make a checkpoint of the model as it is.  `c` is fresh; everything in it is
 * set but `process`, which is the caller's.  0, or -1 with `e` set: memory ran
 * out, and no further checkpoint can be made.
 */
int profile_builder_make(struct profile_builder *b, const struct builder_moment *moment,
                         struct checkpoint *c, struct error *e);

/*
 * The process has ended and all its checkpoints are in `p`: the times of its
 * sites by the clock's rate over the whole run, and their last allocations,
 * which checkpoints do not hold.
 */
void profile_builder_settle(const struct profile_builder *b, struct profile *p,
                            double tick_seconds);

#endif
