/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the small-object memory of a profile went: its live blocks of the moment
 * when the heap was looked at (struct profile_heap), by size class and by line, as
 * they lie in the pools of --allocator=pool, and what glibc's chunks cost.
 *
 * A program that ran on the pools is shown as it was: pools, blocks in use and free
 * come from their own census.  For any other the same blocks are laid out as a fresh
 * allocator would that is given just these, class after class: a simulation, which has
 * no free blocks but in the last pool of a class.
 *
 * The heap is looked at only at the end or when somebody asks.  At the peak and at
 * snapshots the profile knows the blocks and bytes of each site, which are of one size
 * class (sizeclass.h): where a site's blocks were not all of one size they are taken to be
 * of their average, and the layout is a simulation in any case.
 *
 * glibc's chunks as its malloc.c documents them: 8 bytes of header a block, the sum
 * rounded up to 16, at least 32; from the mmap threshold on (128 KiB unless the program
 * moved it) 16 bytes and whole pages, but where free memory of the heap serves them.
 */
#ifndef MEMPROF_HOST_POOLS_H
#define MEMPROF_HOST_POOLS_H

#include "src/host/error.h"
#include "src/host/profile/moments.h"
#include "src/host/profile/profile.h"
#include "src/host/view/skiplist.h"
#include "src/host/view/view.h"
#include "src/shared/geometry.h"

#include <stdbool.h>

enum pools_group {
    POOLS_BY_CLASS = 0,
    POOLS_BY_LINE,
    POOLS_BY_FUNCTION,
};

enum pools_order {
    POOLS_BY_TAKEN = 0,
    POOLS_BY_WASTE,
    POOLS_BY_ASKED,
    POOLS_BY_COUNT,
};

struct pools_options {
    enum pools_group group;
    enum pools_order order;      /* of lines and functions; classes stay in their order */
    const struct skiplist *skip; /* NULL skips nothing */
    struct moment moment;        /* the exit: when the heap was last looked at */
};

#define POOLS_NO_PLACE UINT32_MAX /* otherwise an index into pools.places */

struct pools_class {
    uint32_t smallest, largest;       /* requests in bytes, as the program makes them */
    uint32_t block_bytes;             /* what a block takes */
    uint64_t pools, full, used, free; /* the census, or the simulation */
    uint64_t blocks, asked;           /* recorded as live: they, and the bytes asked for */
    uint64_t chunks;                  /* bytes of glibc's chunks for the same */
    uint32_t top;                     /* the place with most of the blocks; POOLS_NO_PLACE */
    uint64_t top_blocks;
};

/* What glibc's chunks for all recorded live blocks cost. */
struct pools_chunks {
    uint64_t blocks, asked, taken;
    uint64_t headers, rounding, minimum; /* bytes; with `asked` they add up to `taken` */
    uint64_t mapped_blocks, mapped_asked, mapped_taken; /* of these, those of their own mapping */
};

#define POOLS_SIZES 3u /* that are shown of a line */

struct pools_size {
    uint64_t size, blocks, taken;
};

struct pools_line {
    uint32_t place;
    uint64_t blocks, asked, taken;
    struct pools_size sizes[POOLS_SIZES]; /* asked for most often, by blocks */
    uint32_t size_count;                  /* of them */
    uint32_t more_sizes;                  /* other ones */
    /*
     * If each block of sizes[0] were `shrink` bytes smaller, it would need the next smaller
     * block, and the line `saved` bytes less.  0: no small change would help.
     */
    uint64_t shrink, saved;
};

/* The pools of a class that few blocks keep from being given back. */
struct pools_pinned {
    uint32_t size_class;
    uint64_t pools, blocks, bytes; /* bytes: of these pools, less their blocks */
    struct {
        uint32_t place;
        uint64_t pools, blocks;
    } lines[POOLS_SIZES]; /* those with blocks in most of them */
    uint32_t line_count, more_lines;
};

/* The pools of an arena by address; fill in 1/255 of what fits, 0: no recorded block. */
struct pools_arena {
    uint64_t address;
    uint8_t fill[ARENA_POOLS];
    uint32_t pools;
};

struct pools {
    bool pooled;    /* the program ran on the pools */
    bool simulated; /* it did not, or this is not of a moment when they were looked at */
    bool counted; /* there is a census; if not, and not simulated, it is what the addresses tell */
    bool guarded; /* --allocator=pool-debug: what guards take is in `taken` */
    struct pools_class classes[POOL_CLASSES];
    uint64_t averaged_blocks; /* whose size is not known: the average of their site is taken */
    uint64_t large_blocks, large_asked, large_taken; /* too large for the pools; glibc's chunks */
    uint64_t blocks, asked;                          /* recorded, in the classes */
    uint64_t arenas, mapped, used_bytes, free_bytes, header_bytes, free_pool_bytes;
    uint64_t high_water, returned; /* of arenas; 0 in a simulation */
    struct pools_chunks chunks;
    struct view_row *places; /* lines, or functions: node, line and frame are set (location.h) */
    uint32_t place_count;
    struct pools_line *lines; /* with POOLS_BY_LINE and POOLS_BY_FUNCTION, sorted */
    uint32_t line_count;
    struct pools_pinned *pinned; /* by bytes */
    uint32_t pinned_count;
    struct pools_arena *map; /* by address */
    uint32_t map_count;
};

/*
 * 0, or -1 with `e` set and `s` empty: the profile has no sizes of live blocks, or not of
 * the peak (ERROR_INPUT, with the reason and what to do), or memory ran out.
 */
int pools_make(struct pools *s, const struct profile *p, const struct pools_options *options,
               struct error *e);
void pools_release(struct pools *s);

/* Bytes of the chunk that glibc makes of a request. */
uint64_t pools_chunk_bytes(uint64_t size);

/*
 * Bytes of the block that the pools make of a request with so many bytes of guards; 0: it is
 * too large for them.
 */
uint32_t pools_block_bytes(uint64_t size, uint32_t guards);

#endif
