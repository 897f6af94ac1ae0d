/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory this process may still take without pushing others out: the
 * kernel's MemAvailable, and what the memory limits of its control group and of those
 * above leave (version 2, and version 1's memory controller).
 */
#ifndef MEMPROF_HOST_AVAILMEM_H
#define MEMPROF_HOST_AVAILMEM_H

#include <stdint.h>

/* Bytes; UINT64_MAX: nothing is known. */
uint64_t availmem_bytes(void);

/* The same from files elsewhere: `proc` for /proc, `cgroups` for /sys/fs/cgroup. */
uint64_t availmem_bytes_at(const char *proc, const char *cgroups);

#endif
