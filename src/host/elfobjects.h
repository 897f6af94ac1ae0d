/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables (and, by name, the functions) of an ELF file's symbol table, .symtab where
 * there is one, else .dynsym.  Addresses are the file's own.
 *
 * Not thread-safe.  Whatever the file holds, nothing outside of it is read.
 */
#ifndef MEMPROF_HOST_ELFOBJECTS_H
#define MEMPROF_HOST_ELFOBJECTS_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elfobject {
    uint64_t start, size;
    const char *name; /* as in the table, with any @VERSION; lives as long as the elfobjects */
};

struct elfobjects {
    Elf *elf;
    const Elf64_Sym *symbols; /* in the Elf's data */
    const char *names;
    size_t count, names_size;
    struct elfobject *rows; /* variables with a size, by start; made by the first elfobjects_find */
    size_t row_count;
    bool sorted;
};

/* `fd` must stay open meanwhile.  false: no symbols, or no such file; nothing to release. */
bool elfobjects_open(struct elfobjects *o, int fd);
void elfobjects_release(struct elfobjects *o);

/* The variable that holds an address; of several, the smallest.  Also false when out of memory. */
bool elfobjects_find(struct elfobjects *o, uint64_t address, struct elfobject *found);

/* The defined symbol of a name, whatever it is; versions do not count. */
bool elfobjects_named(const struct elfobjects *o, const char *name, struct elfobject *found);

#endif
