/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's memory over time in a bounded number of samples: when the array
 * is full, every second sample goes and the interval between two doubles.  So
 * a run of any length has between half and all of TIMELINE_SAMPLES, evenly
 * spaced.  Times are clock ticks (record.h, segment_clock), never decreasing.
 */
#ifndef MEMPROF_HOST_TIMELINE_H
#define MEMPROF_HOST_TIMELINE_H

#include <stdint.h>

#define TIMELINE_SAMPLES 512u

struct timeline_sample {
    uint64_t time;
    uint64_t live_bytes, live_blocks;
    uint64_t rss_bytes; /* 0 unknown */
};

struct timeline {
    uint64_t interval; /* ticks */
    uint64_t due;      /* no sample is wanted before this */
    uint32_t count;
    struct timeline_sample samples[TIMELINE_SAMPLES];
};

/* `origin`: the time that is to be 0; `interval`: the finest spacing. */
void timeline_init(struct timeline *t, uint64_t origin, uint64_t interval);

/* Add a sample; one whose time is not yet due takes the place of the last. */
void timeline_add(struct timeline *t, const struct timeline_sample *sample);

#endif
