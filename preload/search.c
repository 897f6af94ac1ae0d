/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/search.h"

#include "preload/confinement.h"
#include "preload/session.h"
#include "src/shared/rawcall.h"
#include "src/shared/ring.h"

#include <linux/futex.h>
#include <time.h>

/* A rousing can miss a host that is about to sleep, and is repeated, soon at first. */
#define WAIT_FIRST_NS 500000
#define WAIT_MOST_NS 20000000

bool search_possible(void)
{
    return session_open() && !confined() && session_here();
}

/* Until the host has answered request `number`.  false: it is dead. */
static bool await(uint32_t number)
{
    struct segment_header *h = segment_header(&session.segment);
    struct timespec wait = {.tv_nsec = WAIT_FIRST_NS};

    for (;;) {
        /* acquire: pairs with the host's release; the answer is there */
        uint32_t done = atomic_load_explicit(&h->searches_done, memory_order_acquire);

        if ((int32_t)(done - number) >= 0)
            return true;
        if (ring_host_dead(&session.segment)) {
            session_close();
            return false;
        }
        ring_rouse(&session.segment);
        rawcall6(SYS_futex, (long)&h->searches_done, FUTEX_WAIT, (long)done, (long)&wait, 0, 0);
        if (wait.tv_nsec < WAIT_MOST_NS)
            wait.tv_nsec *= 2;
    }
}

bool search_ask(void)
{
    /* release: `ending`, and what this thread recorded, are there for who sees the request */
    uint32_t before = atomic_fetch_add_explicit(&segment_header(&session.segment)->searches_asked,
                                                1, memory_order_release);

    return await(before + 1);
}

bool search_lost(uint64_t *bytes, uint64_t *blocks)
{
    struct segment_header *h = segment_header(&session.segment);
    uint32_t done;

    if (!search_ask())
        return false;
    do {
        /* acquire: the numbers are those of this answer or of a later one */
        done = atomic_load_explicit(&h->searches_done, memory_order_acquire);
        *bytes = *(volatile uint64_t *)&h->lost_bytes;
        *blocks = *(volatile uint64_t *)&h->lost_blocks;
        /* acquire: the look at the numbers is over; if another answer came meanwhile, again */
        atomic_thread_fence(memory_order_acquire);
    } while (atomic_load_explicit(&h->searches_done, memory_order_relaxed) != done);
    return *bytes != SEARCH_NO_ANSWER;
}

void search_await_others(void)
{
    /* relaxed: only a number to wait for */
    await(atomic_load_explicit(&segment_header(&session.segment)->searches_asked,
                               memory_order_relaxed));
}

bool search_pending(void)
{
    const struct segment_header *h = segment_header(&session.segment);

    /* relaxed: whoever is to know it asks after that */
    return atomic_load_explicit(&h->searches_asked, memory_order_relaxed) !=
           atomic_load_explicit(&h->searches_done, memory_order_relaxed);
}
