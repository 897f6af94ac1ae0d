/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that a part of the program's memory is mapped from, opened and mapped once more:
 * pages of a mapping of our own can be given back, which those of the program's must not be.
 *
 * Only where /proc/self/maps (proc(5)) shows a private mapping that cannot be written, and the file
 * of its name is the one that it shows, by device and inode.  That fails where files have other
 * numbers than mappings say (overlayfs, btrfs), and where the file is gone or cannot be read.
 *
 * From filecopy_open to filecopy_close no signal is delivered, and a descriptor is open with the
 * lowest free number: only for a process with one thread.  One user at a time; no lock, errno is
 * kept, async-signal-safe.
 */
#ifndef MEMPROF_PRELOAD_FILECOPY_H
#define MEMPROF_PRELOAD_FILECOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filecopy {
    int fd;
    uint64_t start, end; /* of the program's mapping */
    uint64_t offset;     /* in the file, of what is at `start` */
    uint64_t file_bytes;
    uint64_t mask; /* the signals that were blocked before */
};

/* Open the file that is mapped at `at`.  false: it cannot be told or opened; nothing is to close.
 */
bool filecopy_open(struct filecopy *f, uint64_t at);

/* Read what the program has at [at, at + bytes).  false: it is not in this mapping or the file. */
bool filecopy_read(const struct filecopy *f, uint64_t at, void *into, size_t bytes);

/*
 * Map what the program has at [start, end), of which `start` begins a page, to be read only.  NULL:
 * it cannot be mapped, or is not in this mapping or the file.  sysmem_unmap_shared() unmaps it.
 */
const uint8_t *filecopy_map(const struct filecopy *f, uint64_t start, uint64_t end);

void filecopy_close(struct filecopy *f);

#endif
