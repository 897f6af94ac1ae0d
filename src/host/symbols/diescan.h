/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where are the functions of a compilation unit?  A linear pass over the
 * unit's debugging entries that decodes nothing but what it needs to step over
 * them: about ten times as fast as asking libdw for one sibling after another,
 * which matters because C++ units hold tens of thousands of entries and clang
 * writes no DW_AT_sibling.
 *
 * The format is that of the DWARF standard, version 5, sections 7.5 and 7.5.6,
 * and of versions 2 to 4 with GNU's extensions.  Input is not trusted: a pass
 * ends at the first thing that makes no sense, and every step moves forward.
 */
#ifndef MEMPROF_HOST_DIESCAN_H
#define MEMPROF_HOST_DIESCAN_H

#include <stddef.h>
#include <stdint.h>

struct diescan_sections {
    const uint8_t *info; /* .debug_info, or .debug_info.dwo */
    size_t info_size;
    const uint8_t *abbrev; /* .debug_abbrev, or .debug_abbrev.dwo */
    size_t abbrev_size;
};

/* Called with the offset in .debug_info of a function's entry; nonzero ends the pass. */
typedef int diescan_found(void *context, uint64_t offset);

/*
 * Report every DW_TAG_subprogram that has code (DW_AT_low_pc or DW_AT_ranges)
 * in the unit whose header is at `unit_offset`.  0 when the unit was read to
 * its end, -1 when it is damaged or memory ran out; else what `found` returned.
 */
int diescan_functions(const struct diescan_sections *sections, uint64_t unit_offset,
                      diescan_found *found, void *context);

#endif
