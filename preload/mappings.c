/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory the program takes from the system itself: mmap and its family, brk and
 * sbrk.  Recorded apart from the heap.  What an allocator maps for its own use
 * while it serves a call of ours is part of that call and not recorded here.
 */
#include "preload/entry.h"
#include "preload/real.h"
#include "src/shared/rawcall.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#undef mmap64
ENTRY void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset);

static uint64_t number(const void *address)
{
    return (uint64_t)(uintptr_t)address;
}

/* Before libc's own wrappers are known: the system call, by their rules. */
static long direct(long number_, long a, long b, long c, long d, long e, long f)
{
    long result = rawcall6(number_, a, b, c, d, e, f);

    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static void *plain_mmap(void *address, size_t length, int protection, int flags, int fd,
                        off_t offset)
{
    if (session_stage() == STAGE_FOUND && real.mmap)
        return real.mmap(address, length, protection, flags, fd, offset);
    return (void *)direct(SYS_mmap, (long)address, (long)length, protection, flags, fd, offset);
}

static void emit_map(struct thread *t, void *at, size_t length, const uint64_t *frame)
{
    uint32_t stack, paused = entry_paused();

    local.busy = BUSY_RECORDING;
    stack = paused ? STACK_ROOT_WHOLE : stack_capture(t, frame);
    emit(t, RECORD_MMAP, paused, number(at), true, length, stack, NULL, 0);
    local.busy = BUSY_CALLING;
}

static inline __attribute__((always_inline)) void *mmap_entry(void *address, size_t length,
                                                              int protection, int flags, int fd,
                                                              off_t offset, const uint64_t *frame)
{
    struct thread *t = entry_begin_if_open();
    void *at;

    if (!t)
        return plain_mmap(address, length, protection, flags, fd, offset);
    at = plain_mmap(address, length, protection, flags, fd, offset);
    if (at != MAP_FAILED)
        emit_map(t, at, length, frame);
    entry_end();
    return at;
}

ENTRY void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mmap_entry(address, length, protection, flags, fd, offset, FRAME);
}

ENTRY void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mmap_entry(address, length, protection, flags, fd, offset, FRAME);
}

static int plain_munmap(void *address, size_t length)
{
    if (session_stage() == STAGE_FOUND && real.munmap)
        return real.munmap(address, length);
    return (int)direct(SYS_munmap, (long)address, (long)length, 0, 0, 0, 0);
}

ENTRY int munmap(void *address, size_t length)
{
    struct thread *t = entry_begin_if_open();
    uint64_t bytes = length;
    int result;

    if (!t)
        return plain_munmap(address, length);
    /* before the call, as a free; the kernel refuses just these two */
    if ((number(address) & 4095) == 0 && length != 0) {
        local.busy = BUSY_RECORDING;
        emit(t, RECORD_MUNMAP, 0, number(address), false, 0, 0, &bytes, 1);
        local.busy = BUSY_CALLING;
    }
    result = plain_munmap(address, length);
    entry_end();
    return result;
}

static void *plain_mremap(void *old, size_t had, size_t wanted, int flags, void *place)
{
    if (session_stage() == STAGE_FOUND && real.mremap)
        return real.mremap(old, had, wanted, flags, place);
    return (void *)direct(SYS_mremap, (long)old, (long)had, (long)wanted, flags, (long)place, 0);
}

ENTRY void *mremap(void *old, size_t had, size_t wanted, int flags, ...)
{
    struct thread *t = entry_begin_if_open();
    uint64_t was[2] = {number(old), had};
    void *place = NULL;
    uint32_t stack;
    void *at;
    va_list rest;

    if (flags & MREMAP_FIXED) {
        va_start(rest, flags);
        place = va_arg(rest, void *);
        va_end(rest);
    }
    at = plain_mremap(old, had, wanted, flags, place);
    if (!t)
        return at;
    if (at != MAP_FAILED) {
        local.busy = BUSY_RECORDING;
        stack = stack_capture(t, FRAME);
        emit(t, RECORD_MREMAP, entry_paused(), number(at), true, wanted, stack, was, 2);
        local.busy = BUSY_CALLING;
    }
    entry_end();
    return at;
}

/* ---------------------------------------------------------------- break -- */

static void emit_break(struct thread *t, uint64_t from, uint64_t to, const uint64_t *frame)
{
    uint32_t stack;

    if (from == to)
        return;
    local.busy = BUSY_RECORDING;
    stack = stack_capture(t, frame);
    emit(t, RECORD_BREAK, entry_paused(), to, true, 0, stack, &from, 1);
    local.busy = BUSY_CALLING;
}

static uint64_t current_break(void)
{
    return (uint64_t)rawcall(SYS_brk, 0, 0, 0);
}

ENTRY int brk(void *address)
{
    struct thread *t = entry_begin_if_open();
    uint64_t from = t ? current_break() : 0;
    int result;

    if (session_stage() != STAGE_FOUND || !real.brk) {
        errno = ENOMEM; /* nobody moves the break before libc is there */
        return -1;
    }
    result = real.brk(address);
    if (!t)
        return result;
    if (result == 0)
        emit_break(t, from, number(address), FRAME);
    entry_end();
    return result;
}

ENTRY void *sbrk(intptr_t increment)
{
    struct thread *t = entry_begin_if_open();
    void *was;

    if (session_stage() != STAGE_FOUND || !real.sbrk) {
        errno = ENOMEM;
        return (void *)-1;
    }
    was = real.sbrk(increment);
    if (!t)
        return was;
    if (was != (void *)-1)
        emit_break(t, number(was), number(was) + (uint64_t)increment, FRAME);
    entry_end();
    return was;
}
