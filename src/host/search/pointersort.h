/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting the pointers that a search for leaks keeps, by address.  They come root by root and
 * block by block, each in ascending order, mostly: runs are merged as they are (a natural merge
 * sort), in time proportional to the pointers and the logarithm of the number of runs.
 */
#ifndef MEMPROF_HOST_POINTERSORT_H
#define MEMPROF_HOST_POINTERSORT_H

#include "src/host/profile/profile.h"

/* Of equal addresses the first stays first, if there is memory for copies of the smaller runs. */
void pointers_sort(struct profile_pointer *pointers, uint32_t count);

#endif
