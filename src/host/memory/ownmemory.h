/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memory memprof itself takes, as the kernel counts it.
 */
#ifndef MEMPROF_HOST_OWNMEMORY_H
#define MEMPROF_HOST_OWNMEMORY_H

#include <stdint.h>

/*
 * Bytes of this process's resident memory that is no file's and not shared: all of its
 * models, tables, stacks and data, for every process that it records; not the segments.
 * 0: unknown.  Takes a few milliseconds a gigabyte.  Any thread.
 */
uint64_t ownmemory_bytes(void);

/*
 * The same for a statistic of many processes: what either function read last, unless that is
 * longer ago than 32 times the processor time that reading it took.
 */
uint64_t ownmemory_bytes_lately(void);

/* Bytes that a segment's memory has, as far as it was used.  0: unknown. */
uint64_t ownmemory_segment_bytes(int fd);

#endif
