// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/copyroom.h"

#include "src/host/memory/availmem.h"
#include "src/host/memory/pages.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define WORTH_A_THREAD (4 * MIB)
#define WORTH_TWO (64 * MIB)
#define PIECE                                                                                      \
    (8 * MIB) /* cleared in a call: others wait for the lock of this process's mappings            \
               */

static void *clear(void *argument)
{
    struct copyroom_part *part = argument;

    for (uint64_t at = 0; at < part->size; at += PIECE)
        pages_touch(part->start + at, part->size - at < PIECE ? part->size - at : PIECE);
    /* release: who sees it joins without waiting for the clearing */
    atomic_store_explicit(&part->done, 1, memory_order_release);
    return NULL;
}

/* Signals to this process are for its other threads. */
static void start(struct copyroom_part *part)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    part->running = pthread_create(&part->thread, NULL, clear, part) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void copyroom_begin(struct copyroom *r, uint64_t bytes)
{
    unsigned threads = bytes >= WORTH_TWO ? COPYROOM_THREADS : 1;
    uint64_t each = (bytes / threads + PAGES_HUGE - 1) & ~(uint64_t)(PAGES_HUGE - 1);

    memset(r, 0, sizeof(*r));
    if (bytes < WORTH_A_THREAD || bytes > availmem_bytes())
        return;
    /* room for what comes until the process stands still costs nothing while it is not used */
    r->size = bytes + (bytes / 4 / MIB + 64) * MIB;
    r->memory = bytes >= PAGES_HUGE_FROM ? pages_map(r->size) : pages_map_sparse(r->size);
    if (!r->memory)
        return;
    r->cleared = bytes;
    for (unsigned i = 0; i < threads; i++) {
        r->parts[i].start = r->memory + i * each;
        r->parts[i].size = i + 1 < threads ? each : bytes - i * each;
        start(&r->parts[i]);
    }
}

bool copyroom_ready(const struct copyroom *r)
{
    for (unsigned i = 0; i < COPYROOM_THREADS; i++)
        /* acquire: see clear() */
        if (r->parts[i].running && !atomic_load_explicit(&r->parts[i].done, memory_order_acquire))
            return false;
    return true;
}

static void wait_for_parts(struct copyroom *r)
{
    for (unsigned i = 0; i < COPYROOM_THREADS; i++)
        if (r->parts[i].running)
            pthread_join(r->parts[i].thread, NULL);
}

void *copyroom_take(struct copyroom *r, uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), used = (bytes + page - 1) & ~(page - 1);
    void *memory;

    wait_for_parts(r);
    if (!r->memory || used > r->size || !bytes) {
        pages_unmap(r->memory, r->size);
        memory = bytes ? pages_map(bytes) : NULL;
    } else {
        if (used < r->size)
            pages_unmap(r->memory + used, r->size - used);
        memory = r->memory;
    }
    memset(r, 0, sizeof(*r));
    return memory;
}

void *copyroom_cut(struct copyroom *r, uint64_t *bytes)
{
    uint64_t size = (*bytes + PAGES_HUGE - 1) & ~(uint64_t)(PAGES_HUGE - 1);
    void *memory = r->memory;

    wait_for_parts(r);
    memset(r->parts, 0, sizeof(r->parts));
    if (!memory || *bytes < PAGES_HUGE || size > r->cleared)
        return NULL;
    r->memory += size;
    r->size -= size;
    r->cleared -= size;
    *bytes = size;
    return memory;
}

void copyroom_release(struct copyroom *r)
{
    wait_for_parts(r);
    pages_unmap(r->memory, r->size);
    memset(r, 0, sizeof(*r));
}
