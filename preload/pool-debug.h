/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's blocks with guards (src/shared/guarded.h), for
 * `memprof run --allocator=pool-debug`: takes the place of the next allocator in
 * `real`, as pooled.h.  Each fault that is found becomes a record for the host.
 */
#ifndef MEMPROF_PRELOAD_POOL_DEBUG_H
#define MEMPROF_PRELOAD_POOL_DEBUG_H

#include <stdbool.h>
#include <stddef.h>

/* Once, after real_find.  false: no memory. */
bool pool_debug_install(void);

/*
 * An operator delete of this size is about to be passed on: a fault if the block was
 * asked for with another.
 */
void pool_debug_expect(const void *block, size_t size);

extern bool pool_debug_installed;

#endif
