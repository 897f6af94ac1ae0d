/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/timeline.h"

void timeline_init(struct timeline *t, uint64_t origin, uint64_t interval)
{
    t->interval = interval ? interval : 1;
    t->due = origin;
    t->count = 0;
}

/* The later of each two samples stays, so that the last one always does. */
static void thin(struct timeline *t)
{
    for (uint32_t i = 0; i < TIMELINE_SAMPLES / 2; i++)
        t->samples[i] = t->samples[2 * i + 1];
    t->count = TIMELINE_SAMPLES / 2;
    t->interval *= 2;
    t->due = t->samples[t->count - 1].time + t->interval;
}

void timeline_add(struct timeline *t, const struct timeline_sample *sample)
{
    if (sample->time >= t->due && t->count == TIMELINE_SAMPLES)
        thin(t);
    if (sample->time < t->due && t->count) {
        t->samples[t->count - 1] = *sample;
        return;
    }
    t->samples[t->count++] = *sample;
    t->due = sample->time + t->interval;
}
