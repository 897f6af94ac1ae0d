/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables (and, by name, the functions) of an ELF file's symbol table, .symtab where
 * there is one, else .dynsym.  Addresses are the file's own.
 *
 * Not thread-safe.  Whatever the file holds, nothing outside of it is read.  A file that is cut
 * meanwhile has no symbols behind its new end; who reads a name that was found does so within
 * filefaults_begin(), since it lies in the mapped file.
 */
#ifndef MEMPROF_HOST_ELFSYMTAB_H
#define MEMPROF_HOST_ELFSYMTAB_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elfsymtab_entry {
    uint64_t start, size;
    const char *name; /* as in the table, with any @VERSION; lives as long as this */
};

struct elfsymtab {
    Elf *elf, *own;           /* `own`: opened here */
    const Elf64_Sym *symbols; /* in the Elf's data */
    const char *names;
    size_t count, names_size;
    struct elfsymtab_entry
        *rows; /* variables with a size, by start; made by the first elfsymtab_find */
    size_t row_count;
    bool sorted;
};

/* `fd` must stay open meanwhile.  false: no symbols, or no such file; nothing to release. */
bool elfsymtab_open(struct elfsymtab *o, int fd);

/* Of a file that is open already, and stays so; it is of 64 bits.  false as above. */
bool elfsymtab_of(struct elfsymtab *o, Elf *elf);
void elfsymtab_release(struct elfsymtab *o);

/* The variable that holds an address; of several, the smallest.  Also false when out of memory. */
bool elfsymtab_find(struct elfsymtab *o, uint64_t address, struct elfsymtab_entry *found);

/*
 * The next variable called `name`, at or behind place *at in the table, which moves on; begin
 * with 0.  Versions do not count.
 */
bool elfsymtab_variable(const struct elfsymtab *o, const char *name, size_t *at,
                        struct elfsymtab_entry *found);

/* The defined function of a name; versions do not count. */
bool elfsymtab_function(const struct elfsymtab *o, const char *name, struct elfsymtab_entry *found);

#endif
