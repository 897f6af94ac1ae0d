// SPDX-License-Identifier: Apache-2.0
#include "src/host/attach/inject.h"

#include "src/shared/clock.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define RED_ZONE 128u
#define LOOKS_AT_ONCE 100u
#define STEPS_MOST 2000000u
#define SYSTEM_CALL_BYTES 2u /* of the instruction */
#define STATE_BYTES 32768u   /* at most, of the extended state */
#define FLAG_DIRECTION UINT64_C(0x400)
#define FLAG_TRAP UINT64_C(0x100)

/* arch/x86/include/uapi/asm/sigcontext.h and asm/ucontext.h */
#define FP_MAGIC1 0x46505853u
#define FP_MAGIC2 0x46505845u
#define XSAVE_HEADER 512u
#define XSAVE_LEAF 0xdu /* of cpuid: where each component lies */
#define COMPONENT_KEYS (UINT64_C(1) << 9)
#define FP_SOFTWARE 464u /* struct _fpx_sw_bytes in the legacy area */
#define CONTEXT_FP_XSTATE UINT64_C(1)
#define CONTEXT_SS UINT64_C(2)
#define CONTEXT_STRICT_SS UINT64_C(4)
#define KERNEL_SIGSET_BYTES 8u

/* Flags that no alternate stack can have: rt_sigreturn leaves the thread's as it is. */
#define NO_STACK 4

/* include/linux/errno.h: what a system call that is to begin again seems to have returned */
#define ERESTART_FIRST 512
#define ERESTART_LAST 516

struct fp_software {
    uint32_t magic1, extended_size;
    uint64_t xfeatures;
    uint32_t xstate_size, padding[7];
};
_Static_assert(sizeof(struct fp_software) == 48, "the kernel's struct _fpx_sw_bytes");

/* What lies on the stack when a handler begins; the kernel's struct ucontext ends with its mask. */
struct frame {
    uint64_t way_back;
    uint64_t flags, link;
    stack_t stack;
    struct {
        uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
        uint16_t cs, gs, fs, ss;
        uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
    } machine;
    uint64_t mask;
};
_Static_assert(sizeof(struct frame) == 8 + 16 + 24 + 256 + 8, "the kernel's struct rt_sigframe");

/* All of a thread that a call changes. */
struct state {
    struct user_regs_struct registers;
    uint64_t mask;
    size_t extended_size;
    _Alignas(64) uint8_t extended[STATE_BYTES];
};

bool inject_possible(void)
{
    return true;
}

static uint64_t bit_of(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

/* Signals that are held back from the beginning. */
static uint64_t held_back(void)
{
    return ~(bit_of(SIGSEGV) | bit_of(SIGBUS) | bit_of(SIGFPE) | bit_of(SIGILL) | bit_of(SIGTRAP) |
             bit_of(SIGSYS));
}

/* ------------------------------------------------------------ way back -- */

/* mov $SYS_rt_sigreturn, %rax; syscall */
static const uint8_t way_back_code[] = {0x48, 0xc7, 0xc0, SYS_rt_sigreturn, 0, 0, 0, 0x0f, 0x05};

static uint64_t find_code(pid_t pid, uint64_t start, uint64_t size)
{
    uint8_t *text = malloc(size), *at = NULL;
    uint64_t found = 0;

    if (text && remote_read(pid, start, text, size))
        at = memmem(text, size, way_back_code, sizeof(way_back_code));
    if (at)
        found = start + (uint64_t)(at - text);
    free(text);
    return found;
}

uint64_t inject_way_back(const struct remote *r)
{
    const struct remote_module *libc = remote_with(r, "__libc_start_main");
    uint64_t found = 0;
    size_t count;

    if (!libc || elf_getphdrnum(libc->elf, &count) != 0)
        return 0;
    for (size_t i = 0; i < count && !found; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(libc->elf, (int)i, &segment) && segment.p_type == PT_LOAD &&
            (segment.p_flags & PF_X))
            found = find_code(r->pid, libc->bias + segment.p_vaddr, segment.p_filesz);
    }
    return found;
}

/* --------------------------------------------------------------- state -- */

bool inject_registers(pid_t tid, struct user_regs_struct *registers)
{
    return ptrace(PTRACE_GETREGS, tid, NULL, registers) == 0;
}

uint64_t inject_counter(const struct user_regs_struct *registers)
{
    return registers->rip;
}

bool inject_waits(const struct user_regs_struct *registers)
{
    return (int64_t)registers->orig_rax >= 0;
}

static bool state_read(pid_t tid, struct state *s)
{
    struct iovec set = {s->extended, sizeof(s->extended)};

    if (!inject_registers(tid, &s->registers) ||
        ptrace(PTRACE_GETSIGMASK, tid, (void *)KERNEL_SIGSET_BYTES, &s->mask) != 0 ||
        ptrace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &set) != 0)
        return false;
    s->extended_size = set.iov_len;
    return set.iov_len >= 576 && set.iov_len + 64 < sizeof(s->extended);
}

/* The registers last: until they are there the thread finds back by itself, by its frame. */
static bool state_write(pid_t tid, struct state *s)
{
    struct iovec set = {s->extended, s->extended_size};
    bool fine = ptrace(PTRACE_SETREGSET, tid, (void *)NT_X86_XSTATE, &set) == 0;

    fine &= ptrace(PTRACE_SETSIGMASK, tid, (void *)KERNEL_SIGSET_BYTES, &s->mask) == 0;
    return ptrace(PTRACE_SETREGS, tid, NULL, &s->registers) == 0 && fine;
}

/* The state that a function may expect when it is called. */
static bool clean_extended(pid_t tid, const struct state *s)
{
    static _Thread_local _Alignas(64) uint8_t clean[STATE_BYTES];
    struct iovec set = {clean, s->extended_size};
    const uint64_t components = 3; /* x87 and SSE are as below, all others as after a reset */
    const uint32_t mxcsr = 0x1f80;
    const uint16_t control = 0x037f;

    memset(clean, 0, s->extended_size);
    memcpy(clean, &control, sizeof(control));
    memcpy(clean + 24, &mxcsr, sizeof(mxcsr));
    memcpy(clean + XSAVE_HEADER, &components, sizeof(components));
    memcpy(clean + FP_SOFTWARE, s->extended + FP_SOFTWARE, 48);
    return ptrace(PTRACE_SETREGSET, tid, (void *)NT_X86_XSTATE, &set) == 0;
}

/* --------------------------------------------------------------- frame -- */

/*
 * A call that was interrupted before goes on as restart_syscall, which a frame cannot bring back:
 * what call it was stands before it in the code, as libc has it: mov $number, %eax; syscall.
 */
static uint64_t call_made(pid_t tid, const struct user_regs_struct *r)
{
    uint8_t code[5 + SYSTEM_CALL_BYTES];
    uint32_t number;

    if (r->orig_rax != SYS_restart_syscall ||
        !remote_read(tid, r->rip - sizeof(code), code, sizeof(code)) || code[0] != 0xb8)
        return r->orig_rax;
    memcpy(&number, code + 1, sizeof(number));
    return number;
}

/* As the kernel does before it lets a handler run: the call begins again behind it. */
static void begin_again(pid_t tid, struct user_regs_struct *r)
{
    int64_t result = -(int64_t)r->rax;

    if ((int64_t)r->orig_rax < 0 || result < ERESTART_FIRST || result > ERESTART_LAST)
        return;
    r->rax = call_made(tid, r);
    r->rip -= SYSTEM_CALL_BYTES;
}

static void frame_fill(pid_t tid, struct frame *f, const struct state *s, uint64_t way_back,
                       uint64_t fpstate)
{
    struct user_regs_struct r = s->registers;

    begin_again(tid, &r);
    memset(f, 0, sizeof(*f));
    f->way_back = way_back;
    f->flags = CONTEXT_FP_XSTATE | CONTEXT_SS | CONTEXT_STRICT_SS;
    f->stack.ss_flags = NO_STACK;
    f->machine.r8 = r.r8, f->machine.r9 = r.r9, f->machine.r10 = r.r10, f->machine.r11 = r.r11;
    f->machine.r12 = r.r12, f->machine.r13 = r.r13, f->machine.r14 = r.r14;
    f->machine.r15 = r.r15, f->machine.di = r.rdi, f->machine.si = r.rsi, f->machine.bp = r.rbp;
    f->machine.bx = r.rbx, f->machine.dx = r.rdx, f->machine.ax = r.rax, f->machine.cx = r.rcx;
    f->machine.sp = r.rsp, f->machine.ip = r.rip, f->machine.flags = r.eflags;
    f->machine.cs = (uint16_t)r.cs, f->machine.ss = (uint16_t)r.ss;
    f->machine.fpstate = fpstate;
    f->mask = s->mask;
}

/* Up to where components lie in the standard format. */
static uint32_t components_end(uint64_t components)
{
    uint32_t end = XSAVE_HEADER + 64;

    for (unsigned i = 2; i < 63; i++) {
        uint32_t size = 0, offset = 0, c, d;

        if (components >> i & 1 && __get_cpuid_count(XSAVE_LEAF, i, &size, &offset, &c, &d) &&
            offset + size > end)
            end = offset + size;
    }
    return end;
}

/*
 * The extended state as a signal frame has it: with the kernel's marks, and no larger than what
 * is in use.  ptrace gives more, with room for what the thread has not asked for (AMX); from a
 * frame of that size the kernel would take nothing beyond SSE.
 */
static bool fpstate_write(pid_t tid, const struct state *s, uint64_t to)
{
    struct fp_software software = {.magic1 = FP_MAGIC1};
    const uint32_t magic2 = FP_MAGIC2;
    uint8_t frame[STATE_BYTES];
    uint64_t components;

    memcpy(frame, s->extended, s->extended_size);
    memcpy(&software.xfeatures, frame + FP_SOFTWARE, 8); /* XCR0, ptrace puts it there */
    memcpy(&components, frame + XSAVE_HEADER, sizeof(components));
    components |= software.xfeatures & COMPONENT_KEYS; /* always given */
    memcpy(frame + XSAVE_HEADER, &components, sizeof(components));
    software.xstate_size = components_end(components);
    software.extended_size = software.xstate_size + sizeof(magic2);
    if (software.xstate_size > s->extended_size)
        return false;
    memcpy(frame + FP_SOFTWARE, &software, sizeof(software));
    memcpy(frame + software.xstate_size, &magic2, sizeof(magic2));
    return remote_write(tid, to, frame, software.extended_size);
}

/* Whether the stack goes on for so long below `sp`. */
static bool has_stack(pid_t tid, uint64_t sp, uint64_t bytes)
{
    char path[48], *line = NULL;
    uint64_t start, end;
    bool found = false;
    size_t room = 0;
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
    maps = fopen(path, "re");
    while (maps && !found && getline(&line, &room, maps) > 0)
        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2 && sp > start && sp <= end)
            found = sp - start >= bytes || strstr(line, "[stack]");
    free(line);
    if (maps)
        fclose(maps);
    return found;
}

/* Put text, state and frame on the stack; the registers that begin the call are in `r`. */
static bool prepare(pid_t tid, struct state *s, const struct inject_call *c,
                    struct user_regs_struct *r)
{
    size_t text = c->text ? strlen(c->text) + 1 : 0;
    uint64_t at = s->registers.rsp - RED_ZONE - text, fpstate;
    struct frame frame;

    if (!has_stack(tid, s->registers.rsp, INJECT_STACK_BYTES + STATE_BYTES))
        return false;
    *r = s->registers;
    r->rdi = c->text ? at : c->first;
    r->rsi = c->argument;
    fpstate = (at - s->extended_size - sizeof(uint32_t)) & ~UINT64_C(63);
    at = ((fpstate - sizeof(frame)) & ~UINT64_C(15)) - 8;
    frame_fill(tid, &frame, s, c->way_back, fpstate);
    r->rsp = at;
    r->rip = c->function;
    r->rax = 0;
    r->orig_rax = (uint64_t)-1;
    r->eflags &= ~(FLAG_DIRECTION | FLAG_TRAP);
    return (text == 0 || remote_write(tid, r->rdi, c->text, text)) &&
           fpstate_write(tid, s, fpstate) && remote_write(tid, at, &frame, sizeof(frame));
}

/* ------------------------------------------------------------- running -- */

enum stop_kind { STOP_NONE, STOP_SYSTEM_CALL, STOP_EVENT, STOP_BY_A_SIGNAL, STOP_END };

static enum stop_kind kind_of(int status)
{
    if (!WIFSTOPPED(status))
        return STOP_END;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80))
        return STOP_SYSTEM_CALL;
    return status >> 16 ? STOP_EVENT : STOP_BY_A_SIGNAL;
}

/* Wait for the thread to stop, until a time.  `signal` gets what it is about to be given. */
static enum stop_kind await(pid_t tid, uint64_t until_ns, int *signal)
{
    static const struct timespec pause = {.tv_nsec = 50000};
    enum stop_kind kind;
    int status;
    pid_t got;

    *signal = 0;
    /* as a rule it comes to its next system call at once, and there are hundreds of them */
    for (unsigned i = 0; (got = waitpid(tid, &status, WNOHANG | __WALL)) == 0; i++) {
        if (i < LOOKS_AT_ONCE)
            continue;
        if (clock_monotonic_ns() > until_ns)
            return STOP_NONE;
        nanosleep(&pause, NULL);
    }
    kind = got < 0 ? STOP_END : kind_of(status);
    if (kind == STOP_BY_A_SIGNAL)
        *signal = WSTOPSIG(status);
    return kind;
}

static bool hold_back_all(pid_t tid)
{
    const uint64_t all = UINT64_MAX;

    return ptrace(PTRACE_SETSIGMASK, tid, (void *)KERNEL_SIGSET_BYTES, &all) == 0;
}

/* Whether what the thread did raised the signal, rather than somebody sent it. */
static bool is_raised(pid_t tid)
{
    siginfo_t info;

    return ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0 && info.si_code > 0;
}

/*
 * The thread is about to be given the signal, and gets it when it runs on: one that is blocked by
 * then the kernel keeps for later.  false: the thread raised it.
 */
static bool put_off(pid_t tid, int signal)
{
    if (is_raised(tid))
        return false;
    return signal == SIGSTOP || hold_back_all(tid);
}

static bool is_way_back(pid_t tid, uint64_t frame)
{
    struct user_regs_struct r;

    return inject_registers(tid, &r) && r.orig_rax == SYS_rt_sigreturn && r.rsp == frame + 8;
}

/* Run until it calls rt_sigreturn from our frame.  `signal`: what it is given first, and was last.
 */
static enum inject_result run(pid_t tid, uint64_t frame, uint64_t until_ns, int *signal)
{
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(intptr_t)*signal) != 0)
            return INJECT_ENDED;
        switch (await(tid, until_ns, signal)) {
        case STOP_SYSTEM_CALL:
            if (is_way_back(tid, frame))
                return INJECT_RETURNED;
            break;
        case STOP_EVENT:
            break;
        case STOP_BY_A_SIGNAL:
            if (!put_off(tid, *signal))
                return INJECT_CRASHED;
            break;
        case STOP_END:
            return INJECT_ENDED;
        case STOP_NONE:
            return INJECT_LATE;
        }
    }
}

static bool is_step(pid_t tid, int signal)
{
    siginfo_t info;

    return signal == SIGTRAP && ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0 &&
           info.si_code == TRAP_TRACE;
}

/*
 * For what a function returns: no system call tells when it does, so that it goes instruction by
 * instruction; the kernel stops doing so when this process ends.
 */
static enum inject_result step(pid_t tid, uint64_t way_back, uint64_t *result, int *signal)
{
    struct user_regs_struct r;

    *signal = 0;
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        int status;

        if (ptrace(PTRACE_SINGLESTEP, tid, NULL, (void *)(intptr_t)*signal) != 0 ||
            waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status) ||
            !inject_registers(tid, &r))
            return INJECT_ENDED;
        *signal = 0;
        if (kind_of(status) == STOP_BY_A_SIGNAL && !is_step(tid, WSTOPSIG(status))) {
            *signal = WSTOPSIG(status);
            if (!put_off(tid, *signal))
                return INJECT_CRASHED;
        }
        *result = r.rax;
        if (r.rip == way_back)
            return INJECT_RETURNED;
    }
    return INJECT_LATE;
}

/*
 * The thread is about to enter rt_sigreturn.  Skip that call, and stop where the kernel looks next
 * whether a system call is to begin again.  If this process ends first, the call is made then.
 */
static enum inject_result come_back(pid_t tid, struct state *s, uint64_t until_ns)
{
    struct user_regs_struct r;
    enum stop_kind kind;
    int signal;

    if (!hold_back_all(tid) || !inject_registers(tid, &r))
        return INJECT_ENDED;
    r.orig_rax = (uint64_t)-1;
    r.rax = SYS_rt_sigreturn;
    r.rip -= SYSTEM_CALL_BYTES;
    if (ptrace(PTRACE_SETREGS, tid, NULL, &r) != 0 ||
        ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0 || ptrace(PTRACE_CONT, tid, NULL, NULL) != 0)
        return INJECT_ENDED;
    do
        kind = await(tid, until_ns, &signal);
    while ((kind == STOP_SYSTEM_CALL || kind == STOP_BY_A_SIGNAL) &&
           ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal) == 0);
    if (kind == STOP_END || !state_write(tid, s))
        return INJECT_ENDED;
    return kind == STOP_NONE ? INJECT_LATE : INJECT_RETURNED;
}

static enum inject_result call_with(pid_t tid, struct state *s, const struct inject_call *c)
{
    const uint64_t mask = held_back();
    struct user_regs_struct r;
    enum inject_result result;
    int signal = 0;

    if (!state_read(tid, s) || !prepare(tid, s, c, &r))
        return INJECT_NOT_BEGUN;
    /* the registers first: from then on the frame says what else is to be put back */
    if (ptrace(PTRACE_SETOPTIONS, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0 ||
        ptrace(PTRACE_SETREGS, tid, NULL, &r) != 0 ||
        ptrace(PTRACE_SETSIGMASK, tid, (void *)KERNEL_SIGSET_BYTES, &mask) != 0 ||
        !clean_extended(tid, s)) {
        state_write(tid, s);
        return INJECT_NOT_BEGUN;
    }
    result = c->result ? step(tid, c->way_back, c->result, &signal) : INJECT_RETURNED;
    if (result == INJECT_RETURNED)
        result = run(tid, r.rsp, c->until_ns, &signal);
    if (result == INJECT_RETURNED)
        return come_back(tid, s, clock_monotonic_ns() + UINT64_C(1000000000));
    if (result == INJECT_CRASHED) {
        state_write(tid, s); /* in the stop of the signal, which is not passed on */
        if (c->crash)
            *c->crash = signal;
    }
    return result;
}

enum inject_result inject_call(pid_t tid, const struct inject_call *call)
{
    struct state *s = aligned_alloc(64, sizeof(*s));
    enum inject_result result = INJECT_NOT_BEGUN;

    if (s)
        result = call_with(tid, s, call);
    free(s);
    return result;
}

#else

bool inject_possible(void)
{
    return false;
}

uint64_t inject_way_back(const struct remote *r)
{
    (void)r;
    return 0;
}

bool inject_registers(pid_t tid, struct user_regs_struct *registers)
{
    (void)tid, (void)registers;
    return false;
}

uint64_t inject_counter(const struct user_regs_struct *registers)
{
    (void)registers;
    return 0;
}

bool inject_waits(const struct user_regs_struct *registers)
{
    (void)registers;
    return false;
}

enum inject_result inject_call(pid_t tid, const struct inject_call *call)
{
    (void)tid, (void)call;
    return INJECT_NOT_BEGUN;
}

#endif
