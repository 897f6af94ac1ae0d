/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file of a module in memory: its variables (elfsymtab.h), where its segments lie, and
 * the bytes its read-only data begins with.  Addresses of the file are those of its symbol
 * table.  Not thread-safe.
 */
#ifndef MEMPROF_HOST_ELFOBJECTS_H
#define MEMPROF_HOST_ELFOBJECTS_H

#include "src/host/symbols/elfsymtab.h"

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elfobjects {
    int fd;
    Elf *elf;
    struct elfsymtab symbols; /* empty where the file has none */
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

/* `size` bytes of the file that are mapped to a file address. */
bool elfobjects_read(const struct elfobjects *o, uint64_t address, void *to, size_t size);

#endif
