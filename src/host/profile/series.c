// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/series.h"

#include <stdlib.h>
#include <string.h>

void series_init(struct series *s)
{
    memset(s, 0, sizeof *s);
}

void series_release(struct series *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        changes_release(&s->changes[i]);
    free(s->moments);
    free(s->changes);
    series_init(s);
}

static int reserve(struct series *s, struct error *e)
{
    uint32_t room = s->room ? s->room * 2 : 64;
    struct profile_moment *moments;
    struct profile_changes *changes;

    if (s->count < s->room)
        return 0;
    moments = reallocarray(s->moments, room, sizeof *moments);
    if (moments)
        s->moments = moments;
    changes = moments ? reallocarray(s->changes, room, sizeof *changes) : NULL;
    if (!changes || room <= s->room)
        return error_set(e, ERROR_MEMORY, "out of memory for snapshots");
    s->changes = changes;
    s->room = room;
    return 0;
}

/* Moment `i`, which is not the last, passes its changes on and goes. */
static int merge_into_next(struct series *s, uint32_t i, struct error *e)
{
    struct profile_changes merged;

    if (changes_merge(&merged, &s->changes[i], &s->changes[i + 1], e) != 0)
        return -1;
    s->bytes += merged.size - s->changes[i].size - s->changes[i + 1].size;
    changes_release(&s->changes[i]);
    changes_release(&s->changes[i + 1]);
    s->changes[i + 1] = merged;
    s->count--;
    s->checkpoints--;
    memmove(&s->moments[i], &s->moments[i + 1], (s->count - i) * sizeof *s->moments);
    memmove(&s->changes[i], &s->changes[i + 1], (s->count - i) * sizeof *s->changes);
    return 0;
}

static bool same_span(const struct series *s, double a, double b)
{
    return s->span > 0 && (uint64_t)(a / s->span) == (uint64_t)(b / s->span);
}

/* The next checkpoint after moment `i`, or s->count. */
static uint32_t next_checkpoint(const struct series *s, uint32_t i)
{
    while (++i < s->count && s->moments[i].kind != MOMENT_CHECKPOINT)
        continue;
    return i;
}

/* Keep the last checkpoint of each span, from moment `i` on, which is a checkpoint. */
static int thin(struct series *s, uint32_t i, struct error *e)
{
    while (i < s->count) {
        uint32_t next = next_checkpoint(s, i);

        if (next < s->count && same_span(s, s->moments[i].seconds, s->moments[next].seconds)) {
            if (merge_into_next(s, i, e) != 0)
                return -1;
            i = next - 1;
        } else {
            i = next;
        }
    }
    return 0;
}

static uint32_t previous_checkpoint(const struct series *s, uint32_t i)
{
    while (i-- > 0)
        if (s->moments[i].kind == MOMENT_CHECKPOINT)
            return i;
    return UINT32_MAX;
}

/* After a checkpoint was added. */
static int thin_if_needed(struct series *s, struct error *e)
{
    uint32_t before = previous_checkpoint(s, s->count - 1);
    double whole = s->moments[s->count - 1].seconds / (SERIES_CHECKPOINTS / 2);

    if (before != UINT32_MAX && thin(s, before, e) != 0)
        return -1;
    while (s->checkpoints > SERIES_CHECKPOINTS) {
        s->span = s->span * 2 > whole ? s->span * 2 : whole;
        if (!(s->span >= 1e-6))
            s->span = 1e-6;
        if (thin(s, next_checkpoint(s, UINT32_MAX), e) != 0)
            return -1;
    }
    return 0;
}

int series_add(struct series *s, const struct profile_moment *moment,
               const struct profile_changes *changes, struct error *e)
{
    if (reserve(s, e) != 0 || changes_copy(&s->changes[s->count], changes, e) != 0)
        return -1;
    s->moments[s->count++] = *moment;
    s->bytes += changes->size;
    if (moment->kind != MOMENT_CHECKPOINT)
        return 0;
    s->checkpoints++;
    /* without the memory to merge nothing is lost: it is tried again with the next */
    thin_if_needed(s, NULL);
    return 0;
}

void series_hand_over(struct series *s, struct profile *p)
{
    for (uint32_t i = 0; i < p->moment_count; i++)
        changes_release(&p->changes[i]);
    free(p->moments);
    free(p->changes);
    p->moments = s->moments;
    p->changes = s->changes;
    p->moment_count = s->count;
    series_init(s);
}
