/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memprof takes of the target's memory.
 */
#ifndef MEMPROF_PRELOAD_OVERHEAD_H
#define MEMPROF_PRELOAD_OVERHEAD_H

#include <stdint.h>

/*
 * Bytes, an upper bound of what is resident because of us: the tables as far as
 * they were used, ring chunks that were ever taken, stack nodes, module records
 * and what is kept for each thread.  Async-signal-safe.
 */
uint64_t overhead_bytes(void);

#endif
