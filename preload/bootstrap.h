/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap that serves before the next allocator is found: dlsym's own calls,
 * calls from relocation code, from other libraries' constructors on threads that
 * race with the set-up.  It grows as needed; its blocks are told from others by
 * their address for as long as the process lives, and are never reused.
 *
 * Works before this library itself is relocated, and in any thread.
 */
#ifndef MEMPROF_PRELOAD_BOOTSTRAP_H
#define MEMPROF_PRELOAD_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory, or NULL (errno is not set).  `alignment` is a power of two. */
void *bootstrap_alloc(size_t size, size_t alignment);

bool bootstrap_contains(const void *block);

/* All regions lie in [bootstrap_low, bootstrap_low + bootstrap_span); so do few other blocks. */
extern uintptr_t bootstrap_low, bootstrap_span;

static inline bool bootstrap_owns(const void *block)
{
    return __builtin_expect((uintptr_t)block - bootstrap_low < bootstrap_span, 0) &&
           bootstrap_contains(block);
}

/* The size it was asked for. */
size_t bootstrap_size(const void *block);

/* The part of it that lies in this library's own data; the rest is mapped. */
void bootstrap_data(uintptr_t *start, uintptr_t *end);

/* What has been served so far. */
uint64_t bootstrap_blocks(void);
uint64_t bootstrap_bytes(void);

#endif
