/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays that grow by one element at a time and need no field for their room:
 * it is GROWING_FIRST, or the smallest power of two that holds the elements.
 */
#ifndef MEMPROF_HOST_GROWING_H
#define MEMPROF_HOST_GROWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define GROWING_FIRST 16u

/*
 * Room for element number `count` of the array that *array points at, which has
 * only ever grown by this function.  false: out of memory, nothing changed.
 */
static inline bool growing_reserve(void *array, uint32_t count, size_t element)
{
    void **pointer = array;
    size_t room = GROWING_FIRST;
    void *grown;

    if (count && (count < GROWING_FIRST || (count & (count - 1)) != 0))
        return true;
    if (count)
        room = (size_t)count * 2;
    grown = reallocarray(*pointer, room, element);
    if (!grown)
        return false;
    *pointer = grown;
    return true;
}

#endif
