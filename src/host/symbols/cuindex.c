// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/cuindex.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int add_unit(struct cuindex *c, Dwarf_Die *unit)
{
    Dwarf_Addr base, low, high;
    ptrdiff_t at = 0;

    if (c->count == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        Dwarf_Die *units = reallocarray(c->units, room, sizeof *units);

        if (!units)
            return -1;
        c->units = units;
        c->room = room;
    }
    c->units[c->count] = *unit;
    /* A range that begins at 0 is code the linker threw away. */
    while ((at = dwarf_ranges(unit, at, &base, &low, &high)) > 0)
        if (low && rangemap_add(&c->map, low, high, (uint32_t)c->count))
            return -1;
    c->count++;
    return 0;
}

static bool has_code(uint8_t type)
{
    return type == DW_UT_compile || type == DW_UT_skeleton;
}

int cuindex_build(struct cuindex *c, Dwarf *dwarf)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Half version;
    Dwarf_Die die;
    uint8_t type;

    memset(c, 0, sizeof *c);
    while (dwarf_get_units(dwarf, cu, &cu, &version, &type, &die, NULL) == 0)
        if (has_code(type) && c->count < UINT32_MAX && add_unit(c, &die)) {
            cuindex_release(c);
            return -1;
        }
    return rangemap_seal(&c->map);
}

void cuindex_release(struct cuindex *c)
{
    rangemap_release(&c->map);
    free(c->units);
    memset(c, 0, sizeof *c);
}

long cuindex_find(const struct cuindex *c, uint64_t address)
{
    const struct range *r = rangemap_find(&c->map, address, NULL);

    return r ? (long)r->value : -1;
}
