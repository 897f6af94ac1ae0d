/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a stopped process that matters to a search for leaks, or a copy of it: every page
 * that is there (presentpages.h: what was never touched is not read, nor made to exist) of every
 * writable mapping that may hold pointers or live blocks, and of anonymous memory and
 * modules' data (vtables) that may only be read.  Left out are memprof's own mappings (ownrange.h),
 * devices, files mapped shared, and pages of private files that nobody wrote to.  Read in large
 * pieces by process_vm_readv, or where that is not allowed from /proc/PID/mem; what faults
 * meanwhile (PROT_NONE, unmapped by nobody knows whom) is skipped and counted.
 *
 * 1 GiB takes 0.3 s of processor time (a Xeon, two virtual processors) where the memory it is
 * copied to exists (copyroom.h).  A mapping of 100 GiB of which 4 MiB were touched
 * takes 4 ms.
 *
 * Most searches need no copy: they look (heapcopy_look) and keep some words (keptwords-take.h).
 *
 * The copy takes as much of this process's memory as there are bytes; where that is
 * more than is available (MemAvailable, the memory cgroup) it is not begun.
 *
 * Not thread-safe; a finished copy may be handed to another thread.
 */
#ifndef MEMPROF_HOST_HEAPCOPY_H
#define MEMPROF_HOST_HEAPCOPY_H

#include "src/host/error.h"
#include "src/host/graph/leakgraph.h"
#include "src/host/memory/copyroom.h"
#include "src/host/process/heldmemory.h"
#include "src/host/process/stop.h"

#define HEAP_PATH_BYTES 128u /* of a mapping's name: its end, where it is longer */

enum heap_mapping_kind {
    HEAP_MAPPING_ANONYMOUS = 0, /* private or shared, no file */
    HEAP_MAPPING_BREAK,         /* [heap] */
    HEAP_MAPPING_STACK,         /* [stack] */
    HEAP_MAPPING_FILE,          /* private: a module's data, or a file mapped to be changed */
};

/* A mapping as it was, in ascending order. */
struct heap_mapping {
    uint64_t start, end;
    enum heap_mapping_kind kind;
    bool shared, writable;
    uint64_t offset; /* in the file, or in shared memory */
    uint64_t copied; /* bytes */
    char path[HEAP_PATH_BYTES];
};

/* Bytes that lie together, ascending. */
struct heap_extent {
    uint64_t address, size;
    uint8_t *bytes;
};

struct heap_range {
    uint64_t start, end;
};

struct heapcopy {
    struct heap_mapping *mappings;
    uint32_t mapping_count, mapping_room;
    struct heap_extent *extents;
    uint32_t extent_count, extent_room;
    struct heap_range *closed; /* private anonymous mappings that may not be read, ascending */
    uint32_t closed_count;
    void *memory; /* that the bytes lie in */
    uint64_t memory_size;
    uint64_t bytes, unreadable_bytes;
    uint32_t last; /* extent found last */
    /* of heapcopy_look: */
    bool looking;
    pid_t thread; /* through which its memory is seen */
    struct heldmemory held;
    struct heapcopy_page *pages; /* read last; NULL once the process runs on */
};

struct heapcopy_page; /* heapcopy.c */

/*
 * Copy while `s` holds the process.  `ours` are address ranges to leave out beside those
 * that the segment names, in any order; `room`, or NULL, is memory made ready for the copy,
 * which takes it.  0; or -1 with `e` set (ERROR_MEMORY: not enough available; ERROR_SYSTEM,
 * ERROR_REFUSED: not permitted; ERROR_INPUT: the process is gone), with nothing to release
 * but the room.
 */
int heapcopy_take(struct heapcopy *c, const struct stopped *s, const struct heap_range *ours,
                  uint32_t our_count, struct copyroom *room, struct error *e);
void heapcopy_release(struct heapcopy *c);

/*
 * The same without copying: which mappings and extents there are, and heapcopy_read reads from
 * the process itself, until heapcopy_let_go, which is called before the process runs on.
 */
int heapcopy_look(struct heapcopy *c, const struct stopped *s, const struct heap_range *ours,
                  uint32_t our_count, struct error *e);
void heapcopy_let_go(struct heapcopy *c);

/* The copy as the graph reads it; `c` must outlive its use. */
struct leakgraph_reader heapcopy_reader(struct heapcopy *c);

/* `size` bytes at an address; false if not all of them were copied, or can be read. */
bool heapcopy_read(struct heapcopy *c, uint64_t address, void *to, size_t size);

/* The first extent that ends behind an address, or extent_count. */
uint32_t heapcopy_extent(const struct heapcopy *c, uint64_t address);

/* The mapping that holds an address, NULL if none does. */
const struct heap_mapping *heapcopy_mapping(const struct heapcopy *c, uint64_t address);

#endif
