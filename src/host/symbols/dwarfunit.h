/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One compilation unit: its functions, what was inlined into them, its lines.
 *
 * The functions' ranges are indexed when the unit is first asked, the inlined
 * calls of a function when that function is.  Everything is bounded: an entry
 * tree deeper than any compiler makes is not followed to its end.
 */
#ifndef MEMPROF_HOST_DWARFUNIT_H
#define MEMPROF_HOST_DWARFUNIT_H

#include "src/host/memory/rangemap.h"

#include <elfutils/libdw.h>
#include <stdbool.h>

/* A call that was replaced by the callee's body. */
struct dwarf_inlined {
    Dwarf_Die die;
    uint32_t outer; /* index + 1 of the inlined call that contains it, 0 none */
};

struct dwarf_function {
    Dwarf_Die die;
    uint64_t low; /* where its first range begins */
    bool expanded;
    struct dwarf_inlined *inlined; /* owned, outer before inner */
    size_t inlined_count, inlined_room;
    struct rangemap map; /* value: index into inlined */
};

/* The names of a line table's files, made absolute when one is first asked for. */
struct dwarf_files {
    Dwarf_Files *files;
    size_t count;
    char **joined; /* owned, by number; NULL where the name was absolute or not asked for */
};

struct dwarfunit {
    Dwarf_Die lines;                  /* the entry that leads to the line table */
    Dwarf_Die code;                   /* the entry above the functions: in a .dwo file if split */
    struct dwarf_function *functions; /* owned */
    size_t count, room;
    struct rangemap map;                       /* value: index into functions */
    struct dwarf_files line_files, call_files; /* the same ones, unless the unit is split */
    bool call_files_read;
};

/* A place in a source file; file "" and line 0 where unknown.  The text lives as the unit. */
struct source_place {
    const char *file;
    uint32_t line;
};

/* Read the unit whose first entry is `die`.  NULL: out of memory. */
struct dwarfunit *dwarfunit_new(const Dwarf_Die *die);
void dwarfunit_free(struct dwarfunit *u);

/* The function that holds an address; NULL none. */
struct dwarf_function *dwarfunit_function(struct dwarfunit *u, uint64_t address);

/*
 * The inlined calls that an address of the function lies in, the innermost
 * first; at most `max`.  Valid as long as the unit.
 */
size_t dwarfunit_inlined(struct dwarf_function *f, uint64_t address, struct dwarf_inlined **chain,
                         size_t max);

/* The source line of an address, from the line table. */
struct source_place dwarfunit_line(struct dwarfunit *u, uint64_t address);

/* Where an inlined call stands in the caller's source. */
struct source_place dwarfunit_call(struct dwarfunit *u, struct dwarf_inlined *call);

/*
 * The name of a function or inlined call as written, and as linked; NULL where
 * the debugging information has none.
 */
void dwarfunit_names(Dwarf_Die *die, const char **plain, const char **linkage);

#endif
