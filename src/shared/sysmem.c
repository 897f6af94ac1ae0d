/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/sysmem.h"

#include "src/shared/rawcall.h"

#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static void *map(size_t bytes, int flags, int fd)
{
    long result = rawcall6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

    return result < 0 && result > -4096 ? NULL : (void *)result;
}

void *sysmem_map(size_t bytes)
{
    return map(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
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

void *sysmem_map_wiped_on_fork(void)
{
    void *memory = sysmem_map(4096);

    if (memory && rawcall(SYS_madvise, memory, 4096, MADV_WIPEONFORK) < 0) {
        sysmem_unmap(memory, 4096);
        return NULL;
    }
    return memory;
}

void sysmem_unmap(void *memory, size_t bytes)
{
    rawcall(SYS_munmap, memory, bytes, 0);
}

void sysmem_drop(void *memory, size_t bytes)
{
    rawcall(SYS_madvise, memory, bytes, MADV_DONTNEED);
}
