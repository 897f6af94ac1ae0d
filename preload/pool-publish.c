/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/pool-publish.h"

#include "preload/overhead.h"
#include "preload/session.h"
#include "src/shared/arena.h"
#include "src/shared/census.h"

void pool_publish(void)
{
    /* relaxed: the address of something that was there before the program started */
    atomic_store_explicit(&segment_header(&session.segment)->pool_state,
                          (uint64_t)(uintptr_t)&arena_state, memory_order_relaxed);
}

/* Other threads may still run: see census.h. */
__attribute__((destructor)) static void publish_census(void)
{
    struct segment_header *h;

    if (!session_recording())
        return;
    overhead_note();
    h = segment_header(&session.segment);
    if (!atomic_load_explicit(&h->pool_state, memory_order_relaxed))
        return;
    census_take(&h->pool_census);
    /* release: the census is complete */
    atomic_store_explicit(&h->pool_census_taken, 1, memory_order_release);
}
