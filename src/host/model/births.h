/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the live blocks were allocated, counted in moments (checkpoints and snapshots):
 * livetable_block.birth is how many had been taken before.  It has 16 bits.  When they
 * are used up, births count pairs of moments from then on, then pairs of pairs; the
 * caller halves those that blocks have (livetable_halve_births).  What births_age says is
 * exact until then and a lower bound afterwards.
 *
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_BIRTHS_H
#define MEMPROF_HOST_BIRTHS_H

#include <stdbool.h>
#include <stdint.h>

#define BIRTHS_MAX 65536u

struct births {
    uint32_t *snapshots;     /* by birth: how many snapshots had been taken at its end */
    uint32_t count;          /* of births begun; the last one is the present */
    uint32_t shift;          /* a birth stands for 1 << shift moments */
    uint32_t moments, taken; /* so far: moments, snapshots among them */
};

void births_init(struct births *b);
void births_release(struct births *b);

/* What a block is born at now. */
uint16_t births_now(const struct births *b);

/*
 * A moment was taken.  `*halve` tells that all births that blocks have are to be halved.
 * false: out of memory, and nothing changed.
 */
bool births_moment(struct births *b, bool snapshot, bool *halve);

/* Moments, and snapshots among them, since a block of this birth was allocated. */
uint32_t births_age(const struct births *b, uint16_t birth);
uint32_t births_survived(const struct births *b, uint16_t birth);

/* 0, or -1: out of memory. */
int births_copy(struct births *to, const struct births *from);

#endif
