/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the functions behind include/memprof.h other interfaces have too (lsan.c): as
 * there.
 */
#ifndef MEMPROF_PRELOAD_API_H
#define MEMPROF_PRELOAD_API_H

#include "src/shared/record.h"

#include <stddef.h>

int api_ignore(const void *ptr);
int api_leak_check(const uint64_t *frame, size_t *lost_bytes, size_t *lost_blocks);
int api_region(enum region_what what, const void *ptr, size_t size);

#endif
