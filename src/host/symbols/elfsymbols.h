/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of an ELF symbol table by address.
 *
 * An address belongs to a symbol only if it lies within its size; a symbol of
 * size 0 (hand-written assembly) reaches to the next symbol of its section, but
 * yields to any sized one.  Of several names for the same code the one a
 * programmer would use is taken: exported before local, fewer leading
 * underscores, strong before weak, the default version, the shorter.
 */
#ifndef MEMPROF_HOST_ELFSYMBOLS_H
#define MEMPROF_HOST_ELFSYMBOLS_H

#include "src/host/memory/rangemap.h"

#include <libelf.h>
#include <stdbool.h>

struct elfsymbols {
    const Elf64_Sym *symbols;   /* in the Elf's data */
    const Elf64_Half *versions; /* dynamic symbols only; NULL if none */
    const char *names;          /* NUL-terminated as a whole */
    size_t count, versions_count, names_size;
    struct rangemap map; /* value: index of the symbol */
};

struct elf_symbol {
    const char *name; /* as in the table, with any @VERSION; lives as long as the Elf */
    uint64_t value;
    bool local;
};

void elfsymbols_init(struct elfsymbols *s);
void elfsymbols_release(struct elfsymbols *s);

/*
 * Index the first section of type SHT_SYMTAB or SHT_DYNSYM; `elf` must stay
 * open as long as `s` is used.  -1, and `s` empty: no such section, damaged, or
 * out of memory.
 */
int elfsymbols_load(struct elfsymbols *s, Elf *elf, unsigned type);

/* The function that holds a file address. */
bool elfsymbols_find(const struct elfsymbols *s, uint64_t address, struct elf_symbol *found);

/* The best name of the function that begins at a file address. */
bool elfsymbols_at(const struct elfsymbols *s, uint64_t address, struct elf_symbol *found);

#endif
