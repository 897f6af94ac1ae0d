/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Separate debug files: by build ID below the debug folder, by .gnu_debuglink
 * beside the module or below the debug folder, by .gnu_debugaltlink what dwz
 * shares between files, and from a debuginfod server where that is allowed
 * (the order of gdb's manual, "Debugging Information in Separate Files").
 *
 * A debug file is only used if it belongs to the module: by build ID, or where
 * a debug link has none to compare, by the CRC that the link states.
 */
#ifndef MEMPROF_HOST_DEBUGFILE_H
#define MEMPROF_HOST_DEBUGFILE_H

#include "src/host/symbols/buildid.h"

#include <elfutils/libdw.h>
#include <libelf.h>
#include <stdbool.h>

struct debugfile_places {
    const char *debug_dirs; /* e.g. /usr/lib/debug, separated by colons */
    bool debuginfod;
    bool thorough; /* decompress the C library's debugging information too (binary.h) */
};

/* An ELF file open for reading; fd -1 and elf NULL: none. */
struct debugfile {
    int fd;
    Elf *elf;
};

void debugfile_init(struct debugfile *f);
void debugfile_release(struct debugfile *f);

/* Open a file as an ELF file of this machine.  Takes over `fd`, even in failure (-1). */
int debugfile_open(struct debugfile *f, int fd);

/* Whether the file has debugging information of its own. */
bool debugfile_has_dwarf(Elf *elf);
bool debugfile_is_compressed(Elf *elf); /* that information */

/*
 * Make libdw, which decompresses every section that it finds, overlook those
 * that are of no use here.  Changes this process's view of the file only.
 */
void debugfile_hide_unwanted(Elf *elf);

/*
 * Find the debug file of a module.  `id` is the module's build ID; `module`
 * the module's own file or NULL when there is none, then only the ID is used.
 * `module_fd` is that file's descriptor or -1.  0, or -1: there is none.
 */
int debugfile_find(struct debugfile *f, const struct debugfile_places *places,
                   const struct buildid *id, Elf *module, int module_fd);

/*
 * Find the file that .gnu_debugaltlink of `dwarf` names; `fd` is the descriptor
 * of the file that holds `dwarf`.  0, or -1: no such link or no such file.
 */
int debugfile_find_alternate(struct debugfile *f, const struct debugfile_places *places,
                             Dwarf *dwarf, int fd);

#endif
