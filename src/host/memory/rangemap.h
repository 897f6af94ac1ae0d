/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address ranges, possibly overlapping, each with a number: which of them hold
 * an address?  The base of every index of the symbolizer.
 *
 * Ranges are sorted by start once; beside each stands the highest end seen so
 * far, which tells a search walking back from an address when to stop.
 *
 * Not thread-safe while ranges are added or rangemap_seal runs.
 */
#ifndef MEMPROF_HOST_RANGEMAP_H
#define MEMPROF_HOST_RANGEMAP_H

#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t low, high; /* high exclusive */
    uint32_t value;
};

struct rangemap {
    struct range *ranges; /* owned */
    uint64_t *reach;      /* owned; highest end among ranges 0 to i */
    size_t count, room;
};

void rangemap_init(struct rangemap *m);
void rangemap_release(struct rangemap *m);

/* Add a range before the map is sealed; an empty or inverted one is ignored.  -1: out of memory. */
int rangemap_add(struct rangemap *m, uint64_t low, uint64_t high, uint32_t value);

/* Sort; to be called once, after the last addition.  -1: out of memory, and nothing is found. */
int rangemap_seal(struct rangemap *m);

/*
 * The ranges that hold `address`, from the greatest start down (of equal starts
 * the greatest value first): the first with `previous` NULL, then the one after
 * `previous`; NULL when there are no more.
 */
const struct range *rangemap_find(const struct rangemap *m, uint64_t address,
                                  const struct range *previous);

#endif
