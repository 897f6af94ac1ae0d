/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --verify-stacks: compare every Nth captured stack with libunwind's, frame by
 * frame, and count what differs in the segment's header.
 */
#ifndef MEMPROF_PRELOAD_VERIFY_H
#define MEMPROF_PRELOAD_VERIFY_H

#include "preload/thread.h"

/* `node` is what stack_capture found for the entry point's frame `frame`. */
void verify_stack(struct thread *t, const uint64_t *frame, uint32_t node);

#endif
