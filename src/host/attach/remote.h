/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules of a running process, as /proc/PID/maps has them, and where what they export
 * lies in its memory; reading and writing that memory.
 *
 * The files are opened as the process sees them and compared with what is mapped by device and
 * inode, so that a library that was replaced on disk is not taken for the one that runs.
 */
#ifndef MEMPROF_HOST_REMOTE_H
#define MEMPROF_HOST_REMOTE_H

#include "src/host/error.h"

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct remote_module {
    char *path;          /* as mapped, without " (deleted)" */
    uint64_t start, end; /* of its mappings */
    uint64_t bias;       /* memory address minus address in the file's symbol table */
    uint64_t inode;
    int fd;
    Elf *elf;      /* NULL: the file could not be opened, or is no ELF file */
    bool replaced; /* it is not what its path leads to any more */
};

struct remote {
    pid_t pid;
    struct remote_module *modules; /* by address */
    uint32_t count, room;
};

/* 0, or -1 with `e` set: there is no such process, or its memory map may not be read. */
int remote_open(struct remote *r, pid_t pid, struct error *e);
void remote_release(struct remote *r);

/* The same; files that cannot be opened any more are taken from `before`, of the same process. */
int remote_open_again(struct remote *r, pid_t pid, const struct remote *before, struct error *e);

/* The module that holds an address, or NULL. */
const struct remote_module *remote_at(const struct remote *r, uint64_t address);

/*
 * A function or variable that the module exports: its address in memory and its size.  Of
 * several versions the default one, else the first.
 */
bool remote_symbol(const struct remote_module *m, const char *name, uint64_t *address,
                   uint64_t *size);

/* The first module, by address, that exports it, or NULL. */
const struct remote_module *remote_with(const struct remote *r, const char *name);

/* Whether all `size` bytes were read or written. */
bool remote_read(pid_t pid, uint64_t address, void *to, size_t size);
bool remote_write(pid_t pid, uint64_t address, const void *from, size_t size);

#endif
