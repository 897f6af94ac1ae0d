/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/memory/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* A huge page needs an aligned range: map more and give the ends back. */
static void *map_huge(size_t bytes)
{
    char *memory = map(bytes + PAGES_HUGE);
    size_t before, after;

    if (!memory)
        return map(bytes);
    before = -(uintptr_t)memory & (PAGES_HUGE - 1);
    after = PAGES_HUGE - before;
    if (before)
        munmap(memory, before);
    munmap(memory + before + ((bytes + 4095) & ~(size_t)4095), after);
    madvise(memory + before, bytes, MADV_HUGEPAGE);
    return memory + before;
}

void *pages_map(size_t bytes)
{
    return bytes >= PAGES_HUGE_FROM ? map_huge(bytes) : map(bytes);
}

void *pages_map_part(size_t bytes)
{
    return bytes >= PAGES_HUGE ? map_huge(bytes) : map(bytes);
}

void *pages_map_sparse(size_t bytes)
{
    void *memory = map(bytes);

    if (memory)
        madvise(memory, bytes, MADV_NOHUGEPAGE);
    return memory;
}

void *pages_grow(void *memory, size_t old_bytes, size_t bytes)
{
    void *grown;

    if (!memory)
        return pages_map(bytes);
    grown = mremap(memory, old_bytes, bytes, MREMAP_MAYMOVE);
    if (grown == MAP_FAILED)
        return NULL;
    if (bytes >= PAGES_HUGE_FROM)
        madvise(grown, bytes, MADV_HUGEPAGE);
    return grown;
}

void pages_touch(void *memory, size_t bytes)
{
    madvise(memory, bytes, MADV_POPULATE_WRITE); /* Linux 5.14; without it, by faults */
}

void pages_unmap(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes);
}
