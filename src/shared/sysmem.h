/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory from the operating system: the only callers of mmap and munmap in
 * code that runs in the target.  No allocator underneath, errno untouched,
 * async-signal-safe.  Sizes in bytes, rounded up to pages by the kernel.
 */
#ifndef MEMPROF_SHARED_SYSMEM_H
#define MEMPROF_SHARED_SYSMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed private memory, or NULL. */
void *sysmem_map(size_t bytes);

/* A shared mapping of a descriptor's first `bytes`, left out of core dumps, or NULL. */
void *sysmem_map_shared(int fd, size_t bytes);

/* What a descriptor's file has from `offset`, a multiple of a page, private and to be read only; or
 * NULL. */
const void *sysmem_map_file(int fd, uint64_t offset, size_t bytes);

/* One page that a forked child finds zeroed (MADV_WIPEONFORK), or NULL where the kernel cannot. */
void *sysmem_map_wiped_on_fork(void);

/* Zeroed private memory at a multiple of `alignment`, a power of two of pages, or NULL. */
void *sysmem_map_aligned(size_t bytes, size_t alignment);

void sysmem_unmap(void *memory, size_t bytes);
void sysmem_unmap_shared(void *memory, size_t bytes);

/*
 * Bytes of private memory, in whole pages, that were mapped here and not unmapped: all
 * that this copy of the shared code and its callers hold.  A forked child goes on from its
 * parent's number.
 */
uint64_t sysmem_private_bytes(void);

/* Let go of this process's page-table entries for a shared range or one of a file that is only
 * read; the contents stay.  false: the kernel refuses. */
bool sysmem_drop(void *memory, size_t bytes);

#endif
