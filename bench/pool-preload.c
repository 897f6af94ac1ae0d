/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator's core as a library to preload, by itself and without the recorder:
 * small requests from the core, the others and all aligned ones from glibc.  For the
 * benchmark; what users get is `memprof run --allocator=pool`.
 */
#include "src/shared/block.h"

#include <errno.h>
#include <string.h>

#define ENTRY __attribute__((visibility("default")))

/* glibc's own names for what this library stands in front of. */
extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void __libc_free(void *block);

ENTRY void *malloc(size_t size);
ENTRY void free(void *block);
ENTRY void *calloc(size_t count, size_t size);
ENTRY void *realloc(void *old, size_t size);
ENTRY size_t malloc_usable_size(void *block);

static inline void *get(size_t size)
{
    void *block = __builtin_expect(block_fits(size), 1) ? block_alloc(size) : NULL;

    return __builtin_expect(block != NULL, 1) ? block : __libc_malloc(size);
}

void *malloc(size_t size)
{
    return get(size);
}

void free(void *block)
{
    if (__builtin_expect(!block_free(block), 0))
        __libc_free(block);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    void *block;

    if (__builtin_mul_overflow(count, size, &bytes) || !block_fits(bytes))
        return __libc_calloc(count, size);
    block = get(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

void *realloc(void *old, size_t size)
{
    size_t had;
    void *block;

    if (!old)
        return get(size);
    if (!block_owned(old))
        return __libc_realloc(old, size);
    had = block_size(old);
    if (size <= had && size > had / 2)
        return old;
    block = size ? get(size) : NULL;
    if (block)
        memcpy(block, old, had < size ? had : size);
    if (block || !size)
        free(old);
    return block;
}

/* The size of glibc's chunk lies before it, with three flags. */
size_t malloc_usable_size(void *block)
{
    size_t chunk;

    if (!block)
        return 0;
    if (block_owned(block))
        return block_size(block);
    chunk = ((size_t *)block)[-1];
    return (chunk & ~(size_t)7) - (chunk & 2 ? 16 : 8);
}
