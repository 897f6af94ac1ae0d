/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/thread.h"

#include "preload/session.h"
#include "preload/unwind.h"
#include "src/shared/rawcall.h"
#include "src/shared/sysmem.h"

__thread struct thread_local_state local __attribute__((tls_model("initial-exec")));

/* By slot: the mapping outlives the thread, for the next one that gets the slot. */
static struct thread **threads;

/* One mapping: the thread, then a first cache that fills the page. */
#define THREAD_BYTES 4096u
#define FIRST_FRAMES                                                                               \
    ((THREAD_BYTES - sizeof(struct thread) - 2 * sizeof(struct cached_frame)) /                    \
     (sizeof(struct cached_frame) + 2 * sizeof(struct stack_check)))

bool threads_init(void)
{
    threads = sysmem_map((size_t)session.segment.layout.slots_max * sizeof(*threads));
    return threads != NULL;
}

static struct thread *thread_map(void)
{
    struct thread *t = sysmem_map(THREAD_BYTES);

    if (!t)
        return NULL;
    stack_cache_place(&t->cache, t + 1, FIRST_FRAMES);
    t->cache.fixed = true;
    return t;
}

/* Make the thread that had the slot before into this one. */
static struct thread *thread_of(const struct ring_writer *w)
{
    struct thread *t = threads[w->slot];

    if (!t) {
        t = thread_map();
        if (!t)
            return NULL;
        threads[w->slot] = t;
    }
    t->writer = *w;
    stack_cache_forget(&t->cache);
    t->verify_countdown = 0;
    return t;
}

struct thread *thread_take(void)
{
    struct ring_writer writer;
    struct thread *t;

    if (local.refused)
        return NULL;
    switch (ring_join(&session.segment, &writer, (uint32_t)rawcall(SYS_gettid, 0, 0, 0))) {
    case RING_OK:
        break;
    case RING_NO_HOST:
        session_close();
        return NULL;
    case RING_DROPPED:
        return NULL; /* lossy: try again at the next event */
    default:
        local.refused = 1;
        return NULL;
    }
    t = thread_of(&writer);
    if (!t)
        local.refused = 1; /* the slot stays taken until the thread ends */
    local.thread = t;
    return t;
}
