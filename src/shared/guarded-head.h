/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies before a guarded block, for guarded.c and guarded-check.c.
 */
#ifndef MEMPROF_SHARED_GUARDED_HEAD_H
#define MEMPROF_SHARED_GUARDED_HEAD_H

#include "src/shared/addressset.h"
#include "src/shared/guarded.h"

#include <stdatomic.h>

struct guarded_head {
    union {
        uint64_t offset;           /* of the block in its memory, unless it lies in a pool */
        struct guarded_head *next; /* among those whose memory is still to be given back */
    }; /* first: the pools put their link here when the block is free, and the rest stays */
    uint64_t size;
    uint64_t serial;
    uint32_t allocated_at, freed_at;
    _Atomic uint32_t state;
    uint8_t guard[12];
};
_Static_assert(sizeof(struct guarded_head) == 48, "blocks stay aligned");
#define GUARDED_HEAD_BYTES sizeof(struct guarded_head)

#define STATE_LIVE UINT32_C(0x4c495645)
#define STATE_FREED UINT32_C(0x46524545)

extern struct guarded_setup guarded_setup;
extern struct address_set
    guarded_large; /* heads of live and quarantined blocks outside the pools */

/* The state goes with the other members, so that a head that was written over shows. */
static inline uint32_t guarded_state(const struct guarded_head *h, uint32_t state)
{
    uint64_t mixed = (h->size ^ h->serial << 32 ^ h->allocated_at ^ (uint64_t)(uintptr_t)h) *
                     UINT64_C(0x9e3779b97f4a7c15);

    return state ^ (uint32_t)(mixed >> 32);
}
static inline bool guarded_is(const struct guarded_head *h, uint32_t state)
{
    /* acquire: the rest of the head, its guards and the tail are as the state says */
    return atomic_load_explicit(&h->state, memory_order_acquire) == guarded_state(h, state);
}
static inline uint8_t *guarded_block(const struct guarded_head *h)
{
    return (uint8_t *)(uintptr_t)(h + 1);
}

/* The guards, and of a block in quarantine its bytes.  Damage is reported once, and mended. */
bool guarded_intact(struct guarded_head *h, bool freed, uint32_t stack);

void guarded_report(const struct guarded_head *h, struct guarded_fault *fault, uint32_t stack);

/* Check what is in quarantine. */
void guarded_check_freed(uint32_t stack);

/* Its memory goes back to where it came from. */
void guarded_let_go(struct guarded_head *h);

/* Between these no memory outside the pools is given back. */
void guarded_walk_begin(void);
void guarded_walk_end(void);

#endif
