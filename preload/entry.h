/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every entry point does around the real call: decide whether this call is
 * an event of its own, and write the record.
 *
 * The guard is a depth of one: whatever the real allocator calls (calloc calling
 * malloc, operator new[] calling operator new, an mmap for its arenas) belongs
 * to the outer call.
 */
#ifndef MEMPROF_PRELOAD_ENTRY_H
#define MEMPROF_PRELOAD_ENTRY_H

#include "preload/session.h"
#include "preload/thread.h"
#include "preload/unwind.h"
#include "src/shared/stamp.h"

#if defined(HAVE_SYS_SINGLE_THREADED_H)
#include <sys/single_threaded.h>
#endif

#define ENTRY __attribute__((visibility("default")))
#define FRAME ((const uint64_t *)__builtin_frame_address(0))

/* The address the calling entry point returns to. */
#define CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

struct thread *entry_begin_slowly(const uint64_t *frame);
struct thread *entry_begin_new_slowly(const uint64_t *frame);
bool emit_turn(struct thread *t);

/*
 * The thread that records this call, now marked as inside it; NULL if the call
 * is just to be passed on.
 */
static inline __attribute__((always_inline)) struct thread *entry_begin(void)
{
    struct thread *t = local.thread;
    const uint64_t *frame = FRAME;

    if (__builtin_expect(!session_open() || local.busy != BUSY_NO || t == NULL, 0))
        return entry_begin_slowly(frame);
    local.guard = frame;
    local.guard_return = frame[1];
    local.busy = BUSY_CALLING;
    return t;
}

/* The same for a call that makes a block, and is only passed on while recording is stopped. */
static inline __attribute__((always_inline)) struct thread *entry_begin_new(void)
{
    struct thread *t = local.thread;
    const uint64_t *frame = FRAME;

    if (__builtin_expect(!session_tracing() || local.busy != BUSY_NO || t == NULL, 0))
        return entry_begin_new_slowly(frame);
    local.guard = frame;
    local.guard_return = frame[1];
    local.busy = BUSY_CALLING;
    return t;
}

/* The flag of a record that is made all the same while recording is stopped. */
static inline uint32_t entry_paused(void)
{
    return session_tracing() ? 0 : RECORD_PAUSED;
}

/*
 * For a call that the program makes of memprof itself (api.c): the thread, now
 * marked as recording; also inside the real allocator, whose business it is not.
 * `was` is for entry_end_request.  NULL: nothing can be recorded now.
 */
struct thread *entry_begin_request(const uint64_t *frame, uint32_t *was);

static inline void entry_end_request(uint32_t was)
{
    local.busy = was;
}

/* One allocation or free more that a handler made inside the recorder. */
void entry_note_nested(void);

/*
 * The same for entry points that an allocator calls while it sets itself up, under
 * its own lock: setting up the session asks the loader for symbols, the loader
 * may allocate, and that allocator would wait for itself.
 */
static inline __attribute__((always_inline)) struct thread *entry_begin_if_open(void)
{
    return session_open() ? entry_begin() : NULL;
}

static inline void entry_end(void)
{
    local.busy = BUSY_NO;
}

/* Whether records need stamps: from the moment there is a second thread, for good. */
static inline bool entry_stamped(void)
{
    if (session.stamped)
        return true;
#if defined(HAVE_SYS_SINGLE_THREADED_H)
    if (__builtin_expect(__libc_single_threaded || session.early, 1))
        return false;
#endif
    session.stamped = 1;
    return true;
}

/*
 * Write a record whose word 1, if any, is `size` and `stack`, followed by
 * `extras` words.  Kinds that end a block's life come before the real call, the
 * others after it.  false: it could not be recorded, which is counted.
 */
static inline __attribute__((always_inline)) bool emit(struct thread *t, uint32_t kind,
                                                       uint32_t flags, uint64_t address, bool sized,
                                                       uint64_t size, uint32_t stack,
                                                       const uint64_t *extra, uint32_t extras)
{
    struct ring_writer *w = &t->writer;
    uint64_t *at, stamp = t->stamps.last;

    if (__builtin_expect(w->end - w->next < (ptrdiff_t)RECORD_MAX_WORDS, 0) && !emit_turn(t))
        return false;
    at = w->next;
    if (entry_stamped()) {
        ring_begin(w);
        stamp = stamp_take(&session.segment, &t->stamps, session.clock);
        if (__builtin_expect(stamp != t->stamps.last, 0))
            flags |= RECORD_STAMPED;
    }
    if (sized && __builtin_expect(size >> 32 != 0, 0))
        flags |= RECORD_BIG;
    *at++ = (address & RECORD_ADDRESS_MASK) | (uint64_t)flags << RECORD_FLAGS_SHIFT |
            (uint64_t)kind << RECORD_KIND_SHIFT;
    if (sized) {
        *at++ = (size & UINT32_MAX) | (uint64_t)stack << 32;
        if (__builtin_expect(flags & RECORD_BIG, 0))
            *at++ = size >> 32;
    }
    for (uint32_t i = 0; i < extras; i++)
        *at++ = extra[i];
    if (__builtin_expect(flags & RECORD_STAMPED, 0))
        *at++ = stamp;
    ring_commit(w, at);
    t->stamps.last = stamp; /* once it is there: a handler may leave this by a jump */
    return true;
}

/* After the record of a block that was made between __lsan_disable and __lsan_enable. */
void emit_ignored(struct thread *t, const void *block);

/* After the real call: `block` of `size` bytes came back, or NULL. */
static inline __attribute__((always_inline)) void
emit_alloc(struct thread *t, uint32_t flags, const void *block, size_t size, const uint64_t *frame)
{
    uint32_t stack;

    local.busy = BUSY_RECORDING;
    t->allocations++;
    stack = stack_capture(t, frame);
    emit(t, block ? RECORD_ALLOC : RECORD_FAILED, flags, (uint64_t)(uintptr_t)block, true, size,
         stack, NULL, 0);
    if (__builtin_expect(t->ignoring != 0, 0))
        emit_ignored(t, block);
    local.busy = BUSY_CALLING;
}

/* Before the real call. */
static inline __attribute__((always_inline)) void emit_free(struct thread *t, const void *block)
{
    local.busy = BUSY_RECORDING;
    emit(t, RECORD_FREE, 0, (uint64_t)(uintptr_t)block, false, 0, 0, NULL, 0);
    local.busy = BUSY_CALLING;
}

#endif
