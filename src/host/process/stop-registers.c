// SPDX-License-Identifier: Apache-2.0
/*
 * The registers of a thread in a ptrace stop, by processor: PTRACE_GETREGSET, and
 * elf.h's notes.  On x86-64 the layout of the extended state is that of XSAVE's
 * standard form (Intel, Software Developer's Manual 1, chapter 13).
 */
#include "src/host/process/stop-parts.h"

#include "src/host/process/heldmemory.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#if defined(__x86_64__)
#include <asm/sigcontext.h>
#endif

static void put(struct stopped_thread *t, const char *name, uint64_t value)
{
    t->names[t->register_count] = name;
    t->registers[t->register_count++] = value;
}

/* Bytes read, 0 when there is no such set. */
static size_t read_set(const struct stopped_thread *t, int note, void *to, size_t size)
{
    struct iovec set = {to, size};

    if (ptrace(PTRACE_GETREGSET, t->tid, (void *)(intptr_t)note, &set) != 0)
        return 0;
    return set.iov_len;
}

/* Append the words of a part of the extended state that are not zero. */
static void keep_words(struct stopped_thread *t, const uint64_t *words, size_t from, size_t to)
{
    for (size_t i = from / 8; i < to / 8; i++)
        if (words[i] != 0)
            t->extended[t->extended_count++] = words[i];
}

#if defined(__x86_64__)

#define FX_REGISTERS 32u  /* x87 and MMX, then XMM */
#define FX_END 416u       /* of both */
#define XSAVE_HEADER 512u /* 64 bytes; then the other components */
#define XSAVE_FIRST 576u
#define FRAME_MAGIC_AT 464u /* in a signal's frame: struct _fpx_sw_bytes of asm/sigcontext.h */
#define FRAME_SIZE_AT 480u
#define KERNEL_ERESTARTNOHAND 514 /* include/linux/errno.h */

/*
 * System calls that wait and have no restart of their own, or have none with a time
 * limit (signal(7)): the stop made them return EINTR, as if there had been a signal.
 */
static bool begins_again(uint64_t call)
{
    static const uint16_t calls[] = {SYS_epoll_wait,
                                     SYS_epoll_pwait,
                                     SYS_semop,
                                     SYS_semtimedop,
                                     SYS_rt_sigtimedwait,
                                     SYS_recvfrom,
                                     SYS_recvmsg,
                                     SYS_recvmmsg,
                                     SYS_sendto,
                                     SYS_sendmsg,
                                     SYS_sendmmsg,
                                     SYS_accept,
                                     SYS_accept4,
                                     SYS_connect,
                                     SYS_read,
                                     SYS_readv,
                                     SYS_write,
                                     SYS_writev,
                                     SYS_io_getevents,
                                     333 /* io_pgetevents */,
                                     426 /* io_uring_enter */,
                                     441 /* epoll_pwait2 */};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (calls[i] == call)
            return true;
    return false;
}

/*
 * To the kernel, which looks again when the thread runs on, the call then was one that
 * begins again unless a signal's handler is run meanwhile: exactly what is wanted, if a
 * signal comes before it does.
 */
static void restart(struct stopped_thread *t, struct user_regs_struct *r)
{
    struct iovec set = {r, sizeof(*r)};

    if ((int64_t)r->rax != -EINTR || (int64_t)r->orig_rax < 0 || !begins_again(r->orig_rax))
        return;
    r->rax = (uint64_t) - (int64_t)KERNEL_ERESTARTNOHAND;
    ptrace(PTRACE_SETREGSET, t->tid, (void *)(intptr_t)NT_PRSTATUS, &set);
}

static bool read_general(struct stopped_thread *t, bool interrupted)
{
    struct user_regs_struct r;

    if (read_set(t, NT_PRSTATUS, &r, sizeof(r)) != sizeof(r))
        return false;
    if (interrupted)
        restart(t, &r);
    t->stack_pointer = r.rsp;
    t->thread_pointer = r.fs_base;
    put(t, "rax", r.rax), put(t, "rbx", r.rbx), put(t, "rcx", r.rcx), put(t, "rdx", r.rdx);
    put(t, "rsi", r.rsi), put(t, "rdi", r.rdi), put(t, "rbp", r.rbp), put(t, "r8", r.r8);
    put(t, "r9", r.r9), put(t, "r10", r.r10), put(t, "r11", r.r11), put(t, "r12", r.r12);
    put(t, "r13", r.r13), put(t, "r14", r.r14), put(t, "r15", r.r15);
    put(t, "gs_base", r.gs_base);
    return true;
}

static void read_extended(struct stopped_thread *t, void *scratch)
{
    size_t size = read_set(t, NT_X86_XSTATE, scratch, STOP_SCRATCH);
    size_t legacy = size ? FX_END : 0;

    if (size == 0 && read_set(t, NT_PRFPREG, scratch, STOP_SCRATCH) >= FX_END)
        legacy = FX_END;
    t->extended = legacy ? malloc(size > FX_END ? size : FX_END) : NULL;
    if (!t->extended)
        return;
    keep_words(t, scratch, FX_REGISTERS, legacy);
    if (size > XSAVE_FIRST)
        keep_words(t, scratch, XSAVE_FIRST, size);
}

void stop_registers_given(struct stopped_thread *t, uint64_t stack_pointer,
                          const uint64_t *registers, uint32_t count)
{
    static const char *const names[ENDING_REGISTERS] = {"rbx", "rbp", "r12", "r13", "r14",
                                                        "r15", "rax", "rdx", "rcx", "rsi",
                                                        "rdi", "r8",  "r9",  "r10", "r11"};

    t->stack_pointer = stack_pointer;
    t->register_count = t->extended_count = 0;
    for (uint32_t i = 0; i < count && i < ENDING_REGISTERS; i++)
        put(t, names[i], registers[i]);
}

/* How much of `got` bytes that begin like a signal's frame is its extended state. */
static size_t frame_size(const uint8_t *frame, size_t got)
{
    uint32_t magic, size;

    memcpy(&magic, frame + FRAME_MAGIC_AT, sizeof(magic));
    memcpy(&size, frame + FRAME_SIZE_AT, sizeof(size));
    if (magic != FP_XSTATE_MAGIC1 || size < XSAVE_FIRST)
        return FX_END;
    return size < got ? size : got;
}

void stop_registers_in_frame(struct stopped_thread *t, pid_t pid, uint64_t address)
{
    const struct iovec place = {(void *)(uintptr_t)address, STOP_SCRATCH};
    struct heldmemory memory;
    uint64_t *frame = malloc(STOP_SCRATCH);
    ssize_t got = 0;
    size_t size;

    heldmemory_init(&memory, pid);
    if (frame)
        got = heldmemory_read(&memory, &place, 1, frame, STOP_SCRATCH);
    heldmemory_release(&memory);
    if (got < (ssize_t)XSAVE_HEADER) {
        free(frame);
        return;
    }
    size = frame_size((const uint8_t *)frame, (size_t)got);
    free(t->extended);
    t->extended = frame;
    t->extended_count = 0;
    /* each word is written at or before the place where it was read */
    keep_words(t, frame, FX_REGISTERS, FX_END);
    if (size > XSAVE_FIRST)
        keep_words(t, frame, XSAVE_FIRST, size);
}

#elif defined(__aarch64__)

static bool read_general(struct stopped_thread *t, bool interrupted)
{
    static const char *const names[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",
                                        "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
                                        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
                                        "x24", "x25", "x26", "x27", "x28", "x29", "x30"};
    struct user_regs_struct r;

    (void)interrupted;
    if (read_set(t, NT_PRSTATUS, &r, sizeof(r)) != sizeof(r))
        return false;
    t->stack_pointer = r.sp;
    if (read_set(t, NT_ARM_TLS, &t->thread_pointer, sizeof(t->thread_pointer)) == 0)
        t->thread_pointer = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        put(t, names[i], r.regs[i]);
    return true;
}

static void read_extended(struct stopped_thread *t, void *scratch)
{
    size_t size = read_set(t, NT_PRFPREG, scratch, STOP_SCRATCH);

    t->extended = size ? malloc(size) : NULL;
    if (t->extended)
        keep_words(t, scratch, 0, size);
}

void stop_registers_given(struct stopped_thread *t, uint64_t stack_pointer,
                          const uint64_t *registers, uint32_t count)
{
    t->stack_pointer = stack_pointer;
    t->register_count = t->extended_count = 0;
    for (uint32_t i = 0; i < count && i < ENDING_REGISTERS; i++)
        put(t, "", registers[i]);
}

/* Not told there. */
void stop_registers_in_frame(struct stopped_thread *t, pid_t pid, uint64_t address)
{
    (void)t;
    (void)pid;
    (void)address;
}

#else
#error "the registers of this processor are not known"
#endif

bool stop_registers(struct stopped_thread *t, bool interrupted, void *scratch)
{
    t->register_count = t->extended_count = 0;
    if (!read_general(t, interrupted))
        return false;
    read_extended(t, scratch);
    return true;
}
