/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memprof takes of the target's memory.
 */
#ifndef MEMPROF_PRELOAD_OVERHEAD_H
#define MEMPROF_PRELOAD_OVERHEAD_H

#include <stdint.h>

/*
 * Bytes that this library holds beside the segment: all that it has mapped, in whole pages,
 * touched or not, and its own data.  Not in it: its code, which is the file's, and the arenas
 * of --allocator=pool, which hold the program's blocks.  Async-signal-safe; no system call.
 */
uint64_t overhead_bytes(void);

/* Tell the host how much that is now: where something was mapped.  Only while there is a session.
 */
void overhead_note(void);

#endif
