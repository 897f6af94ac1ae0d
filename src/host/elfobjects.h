/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of an ELF file (symbols of type STT_OBJECT) by name and by address, where
 * its segments lie, and the bytes its read-only data begins with.  File addresses are those
 * of its symbol table.  Not thread-safe.
 */
#ifndef MEMPROF_HOST_ELFOBJECTS_H
#define MEMPROF_HOST_ELFOBJECTS_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elfobjects {
    int fd;
    Elf *elf;
};

struct elfobject {
    const char *name; /* of the table: lives as long as the file is open */
    uint64_t value, size;
};

/* false: there is no such file, or it is no 64-bit ELF file. */
bool elfobjects_open(struct elfobjects *o, const char *path);
void elfobjects_release(struct elfobjects *o);

/*
 * The difference between the address in memory and in the file of a module of which the
 * byte at `offset` is mapped at `address`, and the range of its segments in memory, in whole
 * pages.  false: no segment has that byte.
 */
bool elfobjects_place(const struct elfobjects *o, uint64_t offset, uint64_t address, uint64_t *bias,
                      uint64_t *start, uint64_t *end);

/*
 * The next variable called `name`, at or behind place *at in the tables, which moves on;
 * begin with 0.  The symbol table and the exported symbols are both looked through, so that
 * one may be found twice.
 */
bool elfobjects_named(const struct elfobjects *o, const char *name, uint64_t *at,
                      struct elfobject *found);

/* The variable that holds a file address. */
bool elfobjects_at(const struct elfobjects *o, uint64_t address, struct elfobject *found);

/* `size` bytes of the file that are mapped to a file address. */
bool elfobjects_read(const struct elfobjects *o, uint64_t address, void *to, size_t size);

#endif
