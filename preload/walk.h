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
