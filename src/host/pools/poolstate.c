/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/pools/poolstate.h"

#include "src/shared/arena.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/uio.h>

#define PAGES_MAX (1u << 17)       /* more descriptors than memory: damage */
#define DESCRIPTORS_MAX (1u << 16) /* in one page */

static int cannot_read(pid_t pid, struct error *e)
{
    return error_set(e, ERROR_SYSTEM, "cannot read the memory of process %" PRIi64, (int64_t)pid);
}

static int nonsense(struct error *e)
{
    return error_set(e, ERROR_FORMAT, "the state of the program's pools makes no sense");
}

static int get(pid_t pid, uint64_t address, void *to, size_t bytes, struct error *e)
{
    struct iovec local = {to, bytes}, remote = {(void *)(uintptr_t)address, bytes};

    return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)bytes ? 0
                                                                             : cannot_read(pid, e);
}

/* ----------------------------------------------------------------- rows -- */

void poolstate_rows_release(struct poolstate_rows *rows)
{
    free(rows->pools);
    *rows = (struct poolstate_rows){.most = rows->most};
}

static int by_address(const void *x, const void *y)
{
    const struct profile_snapshot_pool *a = x, *b = y;

    return a->address < b->address ? -1 : a->address > b->address;
}

void poolstate_rows_sort(struct poolstate_rows *rows)
{
    uint32_t kept = 0;

    if (rows->count)
        qsort(rows->pools, rows->count, sizeof(*rows->pools), by_address);
    for (uint32_t i = 0; i < rows->count; i++)
        if (!kept || rows->pools[kept - 1].address != rows->pools[i].address)
            rows->pools[kept++] = rows->pools[i];
    rows->count = kept;
}

const struct profile_snapshot_pool *poolstate_rows_find(const struct poolstate_rows *rows,
                                                        uint64_t address)
{
    const struct profile_snapshot_pool key = {.address = address};

    return rows->count ? bsearch(&key, rows->pools, rows->count, sizeof(*rows->pools), by_address)
                       : NULL;
}

static void add_row(struct poolstate_rows *rows, uintptr_t base, uint32_t word)
{
    uint32_t class = pool_class(word), used;

    if (word >> POOL_CLASS_SHIFT == 0 || class >= POOL_CLASSES || rows->too_many)
        return;
    used = pool_used(pool_at(base), word);
    if (used > geometry_capacity(base, class))
        return; /* as census_add */
    if (rows->count == rows->room) {
        uint32_t room = rows->room ? rows->room * 2 : 256;
        void *larger =
            rows->count < rows->most ? reallocarray(rows->pools, room, sizeof(*rows->pools)) : NULL;

        rows->too_many = !larger;
        if (!larger)
            return;
        rows->pools = larger;
        rows->room = room;
    }
    rows->pools[rows->count++] =
        (struct profile_snapshot_pool){.address = base, .size_class = class, .used = used};
}

/*
 * The words of an arena's pools lie far apart: one call for all.  An arena that was
 * unmapped in this moment cannot be read, and is left out.
 */
static void add_arena(pid_t pid, const struct arena *a, struct census *census,
                      struct poolstate_rows *rows)
{
    uintptr_t base = (uintptr_t)atomic_load_explicit(&a->base, memory_order_relaxed);
    uint32_t opened = atomic_load_explicit(&a->opened, memory_order_relaxed);
    uint32_t words[ARENA_POOLS] = {0};
    struct iovec local = {words, opened * sizeof(words[0])}, remote[ARENA_POOLS];

    if (!base || base % ARENA_BYTES || opened > ARENA_POOLS)
        return;
    for (uint32_t i = 0; i < opened; i++)
        remote[i] = (struct iovec){
            (char *)pool_at(base + i * POOL_BYTES) + offsetof(struct pool, word), sizeof(words[0])};
    if (opened == 0 ||
        process_vm_readv(pid, &local, 1, remote, opened, 0) == (ssize_t)local.iov_len) {
        census_add(census, base, words, opened);
        for (uint32_t i = 0; rows && i < opened; i++)
            add_row(rows, base + i * POOL_BYTES, words[i]);
    }
}

/* One page of descriptors; `*page` becomes the address of the next. */
static int add_page(pid_t pid, uint64_t *page, struct census *census, struct poolstate_rows *rows,
                    struct error *e)
{
    struct arena_page head;
    struct arena *arenas;
    int result;

    if (get(pid, *page, &head, sizeof(head), e) != 0)
        return -1;
    if (head.count == 0 || head.count > DESCRIPTORS_MAX)
        return nonsense(e);
    arenas = calloc(head.count, sizeof(*arenas));
    if (!arenas)
        return error_set(e, ERROR_MEMORY, "out of memory");
    result = get(pid, *page + offsetof(struct arena_page, arenas), arenas,
                 head.count * sizeof(*arenas), e);
    for (uint32_t i = 0; result == 0 && i < head.count; i++)
        add_arena(pid, &arenas[i], census, rows);
    free(arenas);
    *page = (uint64_t)(uintptr_t)atomic_load_explicit(&head.next, memory_order_relaxed);
    return result;
}

int poolstate_read(pid_t pid, uint64_t state, struct census *census, struct poolstate_rows *rows,
                   struct error *e)
{
    struct arena_state s;
    uint64_t page;

    *census = (struct census){0};
    if (get(pid, state, &s, sizeof(s), e) != 0)
        return -1;
    page = (uint64_t)(uintptr_t)atomic_load_explicit(&s.pages, memory_order_relaxed);
    for (uint32_t i = 0; page; i++)
        if (i == PAGES_MAX)
            return nonsense(e);
        else if (add_page(pid, &page, census, rows, e) != 0)
            return -1;
    census->arenas = (struct arena_totals){
        .mapped = atomic_load_explicit(&s.mapped, memory_order_relaxed),
        .high_water = atomic_load_explicit(&s.high_water, memory_order_relaxed),
        .taken = atomic_load_explicit(&s.taken, memory_order_relaxed),
        .returned = atomic_load_explicit(&s.returned, memory_order_relaxed),
        .kept_bytes = atomic_load_explicit(&s.kept_bytes, memory_order_relaxed),
    };
    return 0;
}
