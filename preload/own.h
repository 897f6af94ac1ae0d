/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for the recorder itself: mapped, and entered in the table by which the host
 * leaves it out of searches for leaks (ownrange.h).  Only while there is a session.
 */
#ifndef MEMPROF_PRELOAD_OWN_H
#define MEMPROF_PRELOAD_OWN_H

#include "src/shared/bump.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory, or NULL.  Async-signal-safe, errno is kept. */
void *own_map(size_t bytes);
void own_unmap(void *memory, size_t bytes);

/* Enter what a bump arena holds, which gains no more.  false: the table is full. */
bool own_enter(const struct bump *b);

#endif
