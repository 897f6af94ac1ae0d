/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last few thousand things that were put in, first in first out.  Any thread,
 * no lock: a place is exchanged, and whoever gets something out of it owns it.
 */
#ifndef MEMPROF_SHARED_QUARANTINE_H
#define MEMPROF_SHARED_QUARANTINE_H

#include "src/shared/guarded.h"

#include <stdatomic.h>

struct quarantine {
    _Atomic uint64_t next;
    _Atomic(void *) places[GUARDED_QUARANTINE];
};

/* What had to leave for it, or NULL. */
static inline void *quarantine_put(struct quarantine *q, void *item)
{
    /* relaxed: only spreads the threads over the places */
    uint64_t at = atomic_fetch_add_explicit(&q->next, 1, memory_order_relaxed);

    /* acq_rel: what was done to an item before it was put in is seen by who gets it */
    return atomic_exchange_explicit(&q->places[at % GUARDED_QUARANTINE], item,
                                    memory_order_acq_rel);
}

/* Take out what is in that place, or NULL. */
static inline void *quarantine_take(struct quarantine *q, size_t place)
{
    /* acquire: see quarantine_put */
    return atomic_exchange_explicit(&q->places[place], NULL, memory_order_acquire);
}

/* Put it back.  false: there is another one by now, and it is the caller's. */
static inline bool quarantine_return(struct quarantine *q, size_t place, void *item)
{
    void *none = NULL;

    /* release: see quarantine_put */
    return atomic_compare_exchange_strong_explicit(&q->places[place], &none, item,
                                                   memory_order_release, memory_order_relaxed);
}

#endif
