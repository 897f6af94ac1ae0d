/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator's entry points.  Each is a function of its own: the frame
 * address it passes on is where its caller's stack begins.
 */
#include "preload/bootstrap.h"
#include "preload/entry.h"
#include "preload/modules.h"
#include "preload/real.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not all of these are declared by every libc. */
ENTRY void cfree(void *block);
ENTRY void free_sized(void *block, size_t size);
ENTRY void free_aligned_sized(void *block, size_t alignment, size_t size);

static bool have_real(void)
{
    return session_stage() == STAGE_FOUND && real.malloc;
}

/* Memory before the next allocator is found, by malloc's rules. */
static void *early_alloc(size_t size, size_t alignment)
{
    void *block = bootstrap_alloc(size, alignment);

    if (!block)
        errno = ENOMEM;
    return block;
}

/* ------------------------------------------------ malloc, calloc, free -- */

ENTRY void *malloc(size_t size)
{
    struct thread *t = entry_begin_new();
    void *block;

    if (__builtin_expect(!t, 0))
        return have_real() ? real.malloc(size) : early_alloc(size, 16);
    block = real.malloc(size);
    emit_alloc(t, 0, block, size, FRAME);
    entry_end();
    return block;
}

static void *early_calloc(size_t count, size_t size)
{
    size_t bytes;

    if (have_real())
        return real.calloc(count, size);
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return early_alloc(bytes, 16);
}

ENTRY void *calloc(size_t count, size_t size)
{
    struct thread *t = entry_begin_new();
    size_t bytes;
    void *block;

    if (__builtin_expect(!t, 0))
        return early_calloc(count, size);
    block = real.calloc(count, size);
    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    emit_alloc(t, 0, block, bytes, FRAME);
    entry_end();
    return block;
}

static inline __attribute__((always_inline)) struct thread *free_begin(void *block, uint64_t caller)
{
    struct thread *t = entry_begin();

    if (__builtin_expect(t != NULL, 1)) {
        modules_note_caller(caller);
        emit_free(t, block);
    }
    return t;
}

/* Whether this block is none of the next allocator's business. */
static inline bool free_is_ours(const void *block)
{
    return block == NULL || bootstrap_owns(block);
}

ENTRY void free(void *block)
{
    struct thread *t;

    if (free_is_ours(block))
        return;
    t = free_begin(block, CALLER);
    if (__builtin_expect(t != NULL, 1)) {
        real.free(block);
        entry_end();
    } else if (have_real()) {
        real.free(block);
    } /* else it was made by the loader before any allocator was there */
}

ENTRY void cfree(void *block)
{
    struct thread *t;

    if (free_is_ours(block))
        return;
    t = free_begin(block, CALLER);
    if (have_real())
        (real.cfree ? real.cfree : real.free)(block);
    if (t)
        entry_end();
}

ENTRY void free_sized(void *block, size_t size)
{
    struct thread *t;

    if (free_is_ours(block))
        return;
    t = free_begin(block, CALLER);
    if (real.free_sized)
        real.free_sized(block, size);
    else if (have_real())
        real.free(block);
    if (t)
        entry_end();
}

ENTRY void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    struct thread *t;

    if (free_is_ours(block))
        return;
    t = free_begin(block, CALLER);
    if (real.free_aligned_sized)
        real.free_aligned_sized(block, alignment, size);
    else if (have_real())
        real.free(block);
    if (t)
        entry_end();
}

/* ------------------------------------------------------------- realloc -- */

/* A block of the bootstrap heap moves to the real one; the old bytes are not reused. */
static void *realloc_bootstrap(void *old, size_t size)
{
    size_t had = bootstrap_size(old);
    void *block = malloc(size);

    if (block)
        memcpy(block, old, had < size ? had : size);
    return block;
}

/*
 * With several threads the old address may be handed out again before the call
 * returns: the old block leaves the model first, and comes back if the call
 * fails.  With one thread a single record says it all.  All this also while
 * recording is stopped: the host takes the new block if it knew the old one.
 */
static void *realloc_recorded(struct thread *t, void *old, size_t size, const uint64_t *frame)
{
    uint64_t was = (uint64_t)(uintptr_t)old;
    uint32_t paused = entry_paused();
    bool stamped = entry_stamped();
    uint32_t stack;
    void *block;

    local.busy = BUSY_RECORDING;
    if (stamped)
        emit(t, RECORD_REALLOC_BEGIN, 0, was, false, 0, 0, NULL, 0);
    local.busy = BUSY_CALLING;
    block = real.realloc(old, size);
    local.busy = BUSY_RECORDING;
    stack = stack_capture(t, frame);
    if (!block && !paused)
        emit(t, RECORD_FAILED, 0, 0, true, size, stack, NULL, 0);
    if (stamped && !block)
        emit(t, RECORD_REALLOC_FAIL, 0, was, false, 0, 0, NULL, 0);
    else if (stamped)
        emit(t, RECORD_REALLOC_END, paused, (uint64_t)(uintptr_t)block, true, size, stack, NULL, 0);
    else if (block)
        emit(t, RECORD_REALLOC, paused, (uint64_t)(uintptr_t)block, true, size, stack, &was, 1);
    if (__builtin_expect(t->ignoring != 0, 0))
        emit_ignored(t, block);
    local.busy = BUSY_CALLING;
    return block;
}

/*
 * realloc(p, 0): glibc frees and returns NULL, others return a new block.  It is
 * a free either way, and an allocation too if something came back.
 */
static void *realloc_zero(struct thread *t, void *old, const uint64_t *frame)
{
    void *block;

    emit_free(t, old);
    block = real.realloc(old, 0);
    if (block && !entry_paused())
        emit_alloc(t, 0, block, 0, frame);
    return block;
}

static inline __attribute__((always_inline)) void *
realloc_entry(void *old, size_t size, const uint64_t *frame, uint64_t caller)
{
    struct thread *t;
    void *block;

    if (old && bootstrap_owns(old))
        return realloc_bootstrap(old, size);
    t = entry_begin();
    if (__builtin_expect(!t, 0))
        return have_real() ? real.realloc(old, size) : early_alloc(size, 16);
    modules_note_caller(caller);
    if (!old) {
        block = real.realloc(NULL, size);
        if (!entry_paused())
            emit_alloc(t, 0, block, size, frame);
    } else if (size == 0) {
        block = realloc_zero(t, old, frame);
    } else {
        block = realloc_recorded(t, old, size, frame);
    }
    entry_end();
    return block;
}

ENTRY void *realloc(void *old, size_t size)
{
    return realloc_entry(old, size, FRAME, CALLER);
}

ENTRY void *reallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        struct thread *t = entry_begin_new();

        if (t) {
            emit_alloc(t, 0, NULL, SIZE_MAX, FRAME);
            entry_end();
        }
        errno = ENOMEM;
        return NULL;
    }
    return realloc_entry(old, bytes, FRAME, CALLER);
}

/* ------------------------------------------------------------- aligned -- */

ENTRY void *memalign(size_t alignment, size_t size)
{
    struct thread *t = entry_begin_new();
    void *block;

    if (__builtin_expect(!t, 0))
        return have_real() ? real.memalign(alignment, size) : early_alloc(size, alignment);
    block = real.memalign(alignment, size);
    emit_alloc(t, RECORD_ALIGNED, block, size, FRAME);
    entry_end();
    return block;
}

ENTRY void *aligned_alloc(size_t alignment, size_t size)
{
    struct thread *t = entry_begin_new();
    void *block;

    if (__builtin_expect(!t, 0))
        return have_real() ? real.aligned_alloc(alignment, size) : early_alloc(size, alignment);
    block = real.aligned_alloc(alignment, size);
    emit_alloc(t, RECORD_ALIGNED, block, size, FRAME);
    entry_end();
    return block;
}

static int early_posix_memalign(void **result, size_t alignment, size_t size)
{
    void *block;

    if (have_real())
        return real.posix_memalign(result, alignment, size);
    block = bootstrap_alloc(size, alignment);
    if (!block)
        return ENOMEM;
    *result = block;
    return 0;
}

ENTRY int posix_memalign(void **result, size_t alignment, size_t size)
{
    struct thread *t = entry_begin_new();
    int failed;

    if (__builtin_expect(!t, 0))
        return early_posix_memalign(result, alignment, size);
    failed = real.posix_memalign(result, alignment, size);
    emit_alloc(t, RECORD_ALIGNED, failed ? NULL : *result, size, FRAME);
    entry_end();
    return failed;
}

ENTRY void *valloc(size_t size)
{
    struct thread *t = entry_begin_new();
    void *block;

    if (__builtin_expect(!t, 0))
        return have_real() ? real.valloc(size) : early_alloc(size, 4096);
    block = real.valloc(size);
    emit_alloc(t, RECORD_ALIGNED, block, size, FRAME);
    entry_end();
    return block;
}

ENTRY void *pvalloc(size_t size)
{
    struct thread *t = entry_begin_new();
    void *block;

    if (__builtin_expect(!t, 0))
        return have_real() ? real.pvalloc(size) : early_alloc((size + 4095) & ~(size_t)4095, 4096);
    block = real.pvalloc(size);
    emit_alloc(t, RECORD_ALIGNED, block, size, FRAME);
    entry_end();
    return block;
}

ENTRY size_t malloc_usable_size(void *block)
{
    if (!block)
        return 0;
    if (bootstrap_owns(block))
        return bootstrap_size(block);
    /* open: it was found before that, and some programs ask at every call */
    return session_open() || have_real() ? real.malloc_usable_size(block) : 0;
}
