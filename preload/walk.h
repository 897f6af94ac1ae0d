/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole walks that do not use the stack cache: by all registers and the full
 * row of call-frame information, by libunwind, or by frame pointers.  Used
 * where a rule does not fit (the first), on request, and for comparison.
 */
#ifndef MEMPROF_PRELOAD_WALK_H
#define MEMPROF_PRELOAD_WALK_H

#include "src/shared/record.h"

#include <stdbool.h>
#include <stddef.h>

/* A stack as tagged frames, innermost first. */
struct walk {
    uint64_t *frames;
    uint32_t count, room;
    uint32_t root; /* STACK_ROOT_*: how it ended */
};

/*
 * Each fills `w` with the stack from the frame whose return address lies at
 * `innermost` on, and returns whether it could; at most `room` frames, in which
 * case the root is STACK_ROOT_LIMITED.
 */
bool walk_by_registers(struct walk *w, const uint64_t *innermost);
bool walk_by_frame_pointers(struct walk *w, const uint64_t *frame);
bool walk_by_libunwind(struct walk *w, const uint64_t *innermost);

/*
 * A frame's stack pointer, and the registers that calls preserve: rbx, rbp, r12 to r15.  Where a
 * signal came in also rax, rdx, rcx, rsi, rdi, r8 to r11, and where the signal's frame has the
 * vector registers.
 */
#define WALK_PRESERVED 6u
#define WALK_STATE 15u
struct walk_state {
    uint64_t stack_pointer;
    uint64_t registers[WALK_STATE];
    uint32_t register_count;
    uint64_t extended; /* 0: none */
};

struct walk_code {
    uint64_t start, end;
};

/*
 * The state of the caller of the outermost frame that is in one of the functions, once that
 * had returned; of at most WALK_OUT_MOST frames.  The walk begins
 *   walk_out_of          at the caller of the function whose return address lies at `innermost`
 *   walk_out_of_context  where a signal came in
 * and if there is no such frame the state is that of where it begins; the functions' count is
 * the result then, else the function's index.  Needs a session and stops early where there is no
 * unwind information.  Processors other than x86-64: a state of zeros.
 */
#define WALK_OUT_MOST 1000u
uint32_t walk_out_of(const struct walk_code *functions, uint32_t count, const uint64_t *innermost,
                     struct walk_state *state);
uint32_t walk_out_of_context(const struct walk_code *functions, uint32_t count,
                             const void *ucontext, struct walk_state *state);

/* Where a signal came in. */
void walk_state_of_context(const void *ucontext, struct walk_state *state);

/*
 * Load libunwind, out of the program's sight: its _Unwind_* symbols must not
 * come before libgcc's.  Calls the program's dlopen; only from a constructor.
 */
bool libunwind_load(void);

/* A module is gone: libunwind keeps rules by address. */
void libunwind_forget(void);

/* How far beyond the stack pointer an unknown stack (a fiber's, a signal's) is taken to reach. */
#define STACK_REACH (UINT64_C(16) << 20)

/* The end of the stack that `sp` lies on; `known` if it is the thread's own. */
uint64_t stack_limit(uint64_t sp, bool *known);

#endif
