/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's small blocks from our own allocator (src/shared/block.h), for
 * `memprof run --allocator=pool`: it takes the place of the next allocator in `real`,
 * and passes on what is large or aligned to more than its step.  Blocks are told
 * apart by their address, so that those that were made before stay good.
 */
#ifndef MEMPROF_PRELOAD_POOLED_H
#define MEMPROF_PRELOAD_POOLED_H

/* Once, after real_find.  From then on `real` leads here. */
void pooled_install(void);

#endif
