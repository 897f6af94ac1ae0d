/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator that fails when a test says so.  The test is linked with
 * --wrap=malloc and its relatives (failing_memory_ldflags in tests/local.mk).  One
 * thread only.
 */
#ifndef MEMPROF_TESTS_FAILING_MEMORY_H
#define MEMPROF_TESTS_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on so many allocations succeed, and none after them. */
void memory_fail_after(uint64_t count);

/* All succeed again, until memory_resume: what was left of the count is kept. */
void memory_suffices(void);
void memory_resume(void);

/* The test's malloc, for a library that asks for one. */
void *__wrap_malloc(size_t size);

#endif
