/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/sysmem.h"

#include "src/shared/rawcall.h"

#include <stdatomic.h>
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define PAGE 4096u

static _Atomic uint64_t private_bytes;

/* relaxed: a statistic.  Modulo 2^64, so that what is let go may be added, too. */
static void note_private(uint64_t more)
{
    atomic_fetch_add_explicit(&private_bytes, more, memory_order_relaxed);
}

static uint64_t whole_pages(size_t bytes)
{
    return ((uint64_t)bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

uint64_t sysmem_private_bytes(void)
{
    return atomic_load_explicit(&private_bytes, memory_order_relaxed);
}

static void *map(size_t bytes, int flags, int fd)
{
    long result = rawcall6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

    return result < 0 && result > -4096 ? NULL : (void *)result;
}

void *sysmem_map(size_t bytes)
{
    void *memory = map(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

    if (memory)
        note_private(whole_pages(bytes));
    return memory;
}

/*
 * The kernel puts a mapping below the last one: after the first, those of one size
 * come out aligned by themselves.
 */
void *sysmem_map_aligned(size_t bytes, size_t alignment)
{
    char *memory = sysmem_map(bytes);
    size_t before;

    if (!memory || ((uintptr_t)memory & (alignment - 1)) == 0)
        return memory;
    sysmem_unmap(memory, bytes);
    memory = sysmem_map(bytes + alignment);
    if (!memory)
        return NULL;
    before = -(uintptr_t)memory & (alignment - 1);
    if (before)
        sysmem_unmap(memory, before);
    if (alignment > before)
        sysmem_unmap(memory + before + bytes, alignment - before);
    return memory + before;
}

void *sysmem_map_shared(int fd, size_t bytes)
{
    void *memory = map(bytes, MAP_SHARED | MAP_NORESERVE, fd);

    if (memory)
        rawcall(SYS_madvise, memory, bytes, MADV_DONTDUMP);
    return memory;
}

const void *sysmem_map_file(int fd, uint64_t offset, size_t bytes)
{
    long result = rawcall6(SYS_mmap, 0, (long)bytes, PROT_READ, MAP_PRIVATE, fd, (long)offset);

    return result < 0 && result > -4096 ? NULL : (const void *)result;
}

void *sysmem_map_wiped_on_fork(void)
{
    void *memory = sysmem_map(PAGE);

    if (memory && rawcall(SYS_madvise, memory, PAGE, MADV_WIPEONFORK) < 0) {
        sysmem_unmap(memory, PAGE);
        return NULL;
    }
    return memory;
}

void sysmem_unmap(void *memory, size_t bytes)
{
    note_private(-whole_pages(bytes));
    sysmem_unmap_shared(memory, bytes);
}

void sysmem_unmap_shared(void *memory, size_t bytes)
{
    rawcall(SYS_munmap, memory, bytes, 0);
}

bool sysmem_drop(void *memory, size_t bytes)
{
    return rawcall(SYS_madvise, memory, bytes, MADV_DONTNEED) == 0;
}
