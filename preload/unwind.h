/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an entry point's frame to the id of its caller's stack.
 */
#ifndef MEMPROF_PRELOAD_UNWIND_H
#define MEMPROF_PRELOAD_UNWIND_H

#include "preload/thread.h"

/*
 * The stack of the caller of the function whose frame address
 * (__builtin_frame_address(0)) is `frame`, as a trie node.  Async-signal-safe,
 * does not touch errno, needs about 2 KiB of stack.
 */
uint32_t stack_capture(struct thread *t, const uint64_t *frame);

/* Lay an empty cache for so many frames into `memory`, zeroed and large enough. */
void stack_cache_place(struct stack_cache *c, void *memory, uint32_t frames);

#endif
