/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/pool-debug.h"

#include "preload/entry.h"
#include "preload/real.h"
#include "src/shared/guarded.h"

#include <errno.h>

/* Everything is checked after so many allocations, and at the end. */
#define ALLOCATIONS_BETWEEN_CHECKS 65536u

#define VALUE_BITS 48

bool pool_debug_installed;

static struct real next; /* as it was found */

static void *get(size_t alignment, size_t size)
{
    return next.memalign(alignment, size);
}

static void put(void *memory)
{
    next.free(memory);
}

/*
 * The stack of the entry point that this thread is in, whose frame the guard holds.
 * 0 where nothing is recorded: another process, or recording stopped.
 */
static uint32_t stack_now(void)
{
    uint32_t was = local.busy, stack;

    if (!local.thread || was == BUSY_NO || !session_open())
        return 0;
    local.busy = BUSY_RECORDING;
    stack = stack_capture(local.thread, local.guard);
    local.busy = was;
    return stack;
}

static void report(const struct guarded_fault *f)
{
    int64_t value = f->kind == GUARDED_WRONG_SIZE ? (int64_t)f->given : f->offset;
    const uint64_t extra[2] = {f->allocated_at | (uint64_t)f->freed_at << 32,
                               f->kind | (uint64_t)(f->found & 0xff) << 8 |
                                   (uint64_t)value << (64 - VALUE_BITS)};
    uint32_t was = local.busy;

    if (!local.thread || !session_open())
        return;
    local.busy = BUSY_RECORDING;
    emit(local.thread, RECORD_FAULT, 0, (uint64_t)(uintptr_t)f->block, true, f->size, f->noticed_at,
         extra, 2);
    local.busy = was;
}

/* ------------------------------------------------------------ the calls -- */

static void *allocate(size_t size, size_t alignment, bool zeroed)
{
    static _Atomic uint32_t allocations;
    uint32_t stack = stack_now();
    void *block = guarded_alloc(size, alignment, zeroed, stack);

    if (!block)
        errno = ENOMEM;
    /* relaxed: only a count */
    if (atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) %
            ALLOCATIONS_BETWEEN_CHECKS ==
        ALLOCATIONS_BETWEEN_CHECKS - 1)
        guarded_check(stack);
    return block;
}

static void *debug_malloc(size_t size)
{
    return allocate(size, 16, false);
}

static void *debug_calloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return allocate(bytes, 16, true);
}

static void debug_free(void *block)
{
    if (block)
        guarded_free(block, stack_now());
}

static void debug_free_sized(void *block, size_t size)
{
    if (block)
        guarded_free_sized(block, size, stack_now());
}

static void debug_free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    debug_free_sized(block, size);
}

static void *debug_realloc(void *old, size_t size)
{
    void *block;

    if (!old)
        return debug_malloc(size);
    if (size == 0) {
        debug_free(old); /* as glibc does */
        return NULL;
    }
    block = guarded_realloc(old, size, stack_now());
    if (!block)
        errno = ENOMEM;
    return block;
}

static bool is_power(size_t alignment)
{
    return alignment && (alignment & (alignment - 1)) == 0;
}

/* As glibc: what is no power of two is rounded up to one. */
static void *debug_memalign(size_t alignment, size_t size)
{
    if (alignment > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    while (!is_power(alignment))
        alignment = alignment ? (alignment | (alignment - 1)) + 1 : 16;
    return allocate(size, alignment, false);
}

static int debug_posix_memalign(void **result, size_t alignment, size_t size)
{
    int saved = errno;
    void *block;

    if (!is_power(alignment) || alignment % sizeof(void *))
        return EINVAL;
    block = allocate(size, alignment, false);
    errno = saved;
    if (!block)
        return ENOMEM;
    *result = block;
    return 0;
}

static void *debug_valloc(size_t size)
{
    return allocate(size, 4096, false);
}

static void *debug_pvalloc(size_t size)
{
    size_t whole = (size + 4095) & ~(size_t)4095;

    return allocate(whole < size ? size : whole, 4096, false);
}

/* Not more than was asked for: what is behind is guarded. */
static size_t debug_usable_size(void *block)
{
    return guarded_size(block);
}

void pool_debug_expect(const void *block, size_t size)
{
    guarded_expect_size(block, size, stack_now());
}

bool pool_debug_install(void)
{
    static const struct guarded_setup setup = {get, put, report};

    if (!guarded_init(&setup))
        return false;
    next = real;
    real.free = debug_free;
    real.cfree = debug_free;
    real.free_sized = debug_free_sized;
    real.free_aligned_sized = debug_free_aligned_sized;
    real.malloc_usable_size = debug_usable_size;
    real.realloc = debug_realloc;
    real.posix_memalign = debug_posix_memalign;
    real.aligned_alloc = debug_memalign;
    real.memalign = debug_memalign;
    real.valloc = debug_valloc;
    real.pvalloc = debug_pvalloc;
    real.calloc = debug_calloc;
    real.malloc = debug_malloc;
    pool_debug_installed = true;
    return true;
}

/* What the program still has is checked when it ends by itself. */
__attribute__((destructor)) static void check_at_end(void)
{
    struct thread *t = pool_debug_installed ? entry_begin() : NULL;

    if (!t)
        return;
    guarded_check(0);
    entry_end();
}
