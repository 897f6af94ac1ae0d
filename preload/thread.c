/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/thread.h"

#include "preload/cficopy.h"
#include "preload/confinement.h"
#include "preload/modules.h"
#include "preload/own.h"
#include "preload/session.h"
#include "preload/unwind.h"
#include "src/shared/rawcall.h"

#include <pthread.h>
#include <sys/prctl.h>

__thread struct thread_local_state local __attribute__((tls_model("initial-exec")));

/*
 * What a thread needs while its stacks are shallow lies in a block for several
 * slots, which the first thread in one of them maps.  It stays: the next thread in a
 * slot takes over what is there.
 */
#define BLOCK_SLOTS 32u
#define BLOCK_BYTES ((size_t)BLOCK_SLOTS * THREAD_BYTES)
#define FIRST_FRAMES                                                                               \
    ((THREAD_BYTES - sizeof(struct thread) - 2 * sizeof(struct cached_frame)) /                    \
     (sizeof(struct cached_frame) + 2 * sizeof(struct stack_check)))

static unsigned char *_Atomic *blocks;

bool threads_init(void)
{
    uint32_t count = (session.segment.layout.slots_max + BLOCK_SLOTS - 1) / BLOCK_SLOTS;

    blocks = bump_alloc(&session.tables, count * sizeof(*blocks), TABLE_ALIGNMENT);
    return blocks != NULL;
}

/* NULL: no memory. */
static unsigned char *block_of(uint32_t slot)
{
    unsigned char *_Atomic *place = &blocks[slot / BLOCK_SLOTS];
    /* acquire: pairs with the release below; the block is zeroed */
    unsigned char *block = atomic_load_explicit(place, memory_order_acquire), *fresh;

    if (block)
        return block;
    fresh = own_map(BLOCK_BYTES);
    if (!fresh)
        return NULL;
    if (atomic_compare_exchange_strong_explicit(place, &block, fresh, memory_order_release,
                                                memory_order_acquire))
        return fresh;
    own_unmap(fresh, BLOCK_BYTES);
    return block;
}

static struct thread *thread_of(const struct ring_writer *w)
{
    unsigned char *block = block_of(w->slot);
    struct thread *t;

    if (!block)
        return NULL;
    t = (struct thread *)(void *)(block + (size_t)(w->slot % BLOCK_SLOTS) * THREAD_BYTES);
    if (!t->cache.frames) {
        stack_cache_place(&t->cache, t + 1, FIRST_FRAMES);
        t->cache.fixed = true;
    }
    t->writer = *w;
    stack_cache_forget(&t->cache);
    memo_forget(&t->memo);
    t->stamps = (struct stamp_taker){.owner = w->slot + 1};
    t->verify_countdown = 0;
    t->ignoring = 0;
    return t;
}

/* Before glibc 2.34 it is in libpthread only. */
#pragma weak pthread_mutex_trylock

/*
 * A filter may end the program for gettid, which libc's functions do not need: libc knows the
 * id and writes it into a mutex that can be locked recursively.  Nobody else has this one.
 */
static uint32_t own_id(void)
{
    pthread_mutex_t mine = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    uint32_t id;

    if (!confined() || !pthread_mutex_trylock)
        return (uint32_t)rawcall(SYS_gettid, 0, 0, 0);
    pthread_mutex_trylock(&mine);
    id = (uint32_t)mine.__data.__owner;
    pthread_mutex_unlock(&mine);
    return id;
}

/* The thread's name as it is now; the host reads later ones while the thread lives. */
static void name_note(uint32_t slot)
{
    char *name = segment_slot(&session.segment, slot)->name;

    if (confined() || rawcall(SYS_prctl, PR_GET_NAME, name, 0) < 0)
        name[0] = '\0';
}

void thread_recover(struct thread *t)
{
    modules_abandon();
    cficopy_abandon();
    ring_recover(&session.segment, &t->writer);
    t->stamps.last = 0;       /* whether its record was committed is not known */
    t->cache.loader_events--; /* what it remembers may be half written, see stack_capture */
}

struct thread *thread_take(void)
{
    struct ring_writer writer;

    if (local.refused)
        return NULL;
    switch (ring_join(&session.segment, &writer, own_id())) {
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
    name_note(writer.slot);
    local.thread = thread_of(&writer);
    local.refused = local.thread == NULL;
    return local.thread;
}
