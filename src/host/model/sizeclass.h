/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size classes: what allocations are told apart by besides their stack.  Class
 * 0 is the size 0, class 1 is 1 to 16 bytes, and each further class ends at
 * twice the size that the one before ends at: 17 to 32, 33 to 64, ...
 */
#ifndef MEMPROF_HOST_SIZECLASS_H
#define MEMPROF_HOST_SIZECLASS_H

#include <stdint.h>

#define SIZECLASSES 62u

static inline uint32_t sizeclass_of(uint64_t size)
{
    uint64_t empty = size == 0;

    /* the bits of size - 1, at least four of them: 16 is the last of class 1 */
    return (uint32_t)(61 - (uint64_t)__builtin_clzll((size - !empty) | 15) - empty);
}

/* The smallest and the largest size of a class below SIZECLASSES. */
uint64_t sizeclass_first(uint32_t sizeclass);
uint64_t sizeclass_last(uint32_t sizeclass);

#endif
