/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/pooled.h"

#include "preload/real.h"
#include "src/shared/block.h"

#include <string.h>

static struct real next; /* as it was found */

/* A block that shrinks within its class stays where it is unless that wastes more than this. */
#define SHRINK_KEEPS(had, size) ((size) > (had) / 2)

/* Without memory for an arena there may still be some in the heap of the next one. */
static inline __attribute__((always_inline)) void *get(size_t size)
{
    void *block = __builtin_expect(block_fits(size), 1) ? block_alloc(size) : NULL;

    return __builtin_expect(block != NULL, 1) ? block : next.malloc(size);
}

static void *pooled_malloc(size_t size)
{
    return get(size);
}

static void pooled_free(void *block)
{
    if (__builtin_expect(!block_free(block), 0))
        next.free(block);
}

static void pooled_free_sized(void *block, size_t size)
{
    if (block_free(block))
        return;
    if (next.free_sized)
        next.free_sized(block, size);
    else
        next.free(block);
}

static void pooled_free_aligned_sized(void *block, size_t alignment, size_t size)
{
    if (block_free(block))
        return;
    if (next.free_aligned_sized)
        next.free_aligned_sized(block, alignment, size);
    else
        next.free(block);
}

static void *pooled_calloc(size_t count, size_t size)
{
    size_t bytes;
    void *block;

    if (__builtin_mul_overflow(count, size, &bytes) || !block_fits(bytes))
        return next.calloc(count, size);
    block = block_alloc(bytes);
    return block ? memset(block, 0, bytes) : next.calloc(count, size);
}

static void *move(void *old, size_t had, size_t size)
{
    void *block = get(size);

    if (!block)
        return NULL;
    memcpy(block, old, had < size ? had : size);
    pooled_free(old);
    return block;
}

/* A large block that shrinks to a small one moves to the pools, if they have room. */
static void *shrink(void *old, size_t size)
{
    void *block = block_alloc(size);

    if (!block)
        return next.realloc(old, size);
    memcpy(block, old, size);
    next.free(old);
    return block;
}

static void *pooled_realloc(void *old, size_t size)
{
    size_t had;

    if (!old)
        return get(size);
    if (!block_owned(old)) {
        if (size == 0 || !block_fits(size) || next.malloc_usable_size(old) < size)
            return next.realloc(old, size);
        return shrink(old, size);
    }
    if (size == 0) {
        pooled_free(old); /* as glibc does */
        return NULL;
    }
    had = block_size(old);
    if (size <= had && SHRINK_KEEPS(had, size))
        return old;
    return move(old, had, size);
}

/* Whether the pools' own alignment is enough; what is no alignment at all is for the next one. */
static bool is_aligned(size_t alignment)
{
    return alignment && (alignment & (alignment - 1)) == 0 && alignment <= POOL_STEP;
}

static void *pooled_memalign(size_t alignment, size_t size)
{
    void *block = is_aligned(alignment) ? block_alloc(size) : NULL;

    return block ? block : next.memalign(alignment, size);
}

static void *pooled_aligned_alloc(size_t alignment, size_t size)
{
    void *block = is_aligned(alignment) ? block_alloc(size) : NULL;

    return block ? block : next.aligned_alloc(alignment, size);
}

static int pooled_posix_memalign(void **result, size_t alignment, size_t size)
{
    void *block = is_aligned(alignment) && alignment >= sizeof(void *) ? block_alloc(size) : NULL;

    if (!block)
        return next.posix_memalign(result, alignment, size);
    *result = block;
    return 0;
}

static size_t pooled_usable_size(void *block)
{
    return block_owned(block) ? block_size(block) : next.malloc_usable_size(block);
}

/* What takes blocks comes first: from then on it meets both kinds. */
void pooled_install(void)
{
    next = real;
    real.free = pooled_free;
    real.cfree = pooled_free;
    real.free_sized = pooled_free_sized;
    real.free_aligned_sized = pooled_free_aligned_sized;
    real.malloc_usable_size = pooled_usable_size;
    real.realloc = pooled_realloc;
    real.posix_memalign = pooled_posix_memalign;
    real.aligned_alloc = pooled_aligned_alloc;
    real.memalign = pooled_memalign;
    real.calloc = pooled_calloc;
    real.malloc = pooled_malloc;
}
