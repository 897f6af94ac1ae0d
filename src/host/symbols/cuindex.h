/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which compilation unit holds an address?  Built from the units' own
 * DW_AT_ranges and DW_AT_low_pc, because .debug_aranges is missing where clang
 * compiled, and wrong now and then elsewhere.  Only the first entry of each
 * unit is read.
 */
#ifndef MEMPROF_HOST_CUINDEX_H
#define MEMPROF_HOST_CUINDEX_H

#include "src/host/memory/rangemap.h"

#include <elfutils/libdw.h>

struct cuindex {
    Dwarf_Die *units; /* owned: the units' first entries, a skeleton where the rest is elsewhere */
    size_t count, room;
    struct rangemap map; /* value: index into units */
};

/* -1, and an index that finds nothing: out of memory. */
int cuindex_build(struct cuindex *c, Dwarf *dwarf);
void cuindex_release(struct cuindex *c);

/* The unit, by its index into `units`; -1 if there is none. */
long cuindex_find(const struct cuindex *c, uint64_t address);

#endif
