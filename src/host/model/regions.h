/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ranges of memory that the program named to the leak search (memprof.h): root
 * regions, whose pointers hold blocks wherever they lie, and weak regions, whose pointers
 * hold nothing.  A range is removed by its start; one that is named twice is removed twice.
 * At most REGIONS_MAX at a time, more are counted and not kept.
 */
#ifndef MEMPROF_HOST_REGIONS_H
#define MEMPROF_HOST_REGIONS_H

#include <stdbool.h>
#include <stdint.h>

#define REGIONS_MAX 65535u

struct region {
    uint64_t start, size;
    bool weak;
};

struct regions {
    struct region *rows; /* in the order they were named */
    uint32_t count;
    uint64_t left_out;
};

void regions_init(struct regions *r);
void regions_release(struct regions *r);

/* false: out of memory. */
bool regions_add(struct regions *r, uint64_t start, uint64_t size, bool weak);

/* Remove one that begins there; nothing happens if there is none. */
void regions_remove(struct regions *r, uint64_t start, bool weak);

#endif
