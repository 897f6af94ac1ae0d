/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks with guards, for finding who misuses memory: what `--allocator=pool-debug`
 * gives a program instead of plain blocks.
 *
 *   head (48 bytes, ends with 12 forbidden bytes) | the block | 16 forbidden bytes
 *
 * Memory that is given out is filled with GUARDED_CLEAN, forbidden bytes are GUARDED_FORBIDDEN,
 * and what was freed is filled with GUARDED_DEAD and kept for a while before it is used
 * again (the values are those of CPython's debug hooks).  A check is made when a block is freed,
 * when it leaves the quarantine, and of everything by guarded_check.
 *
 * Small blocks lie in the pools, others come from the allocator named at the start.
 * Any thread, no locks; not in signal handlers.  A stack is any number that the
 * caller can make sense of, 0 for none.
 */
#ifndef MEMPROF_SHARED_GUARDED_H
#define MEMPROF_SHARED_GUARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARDED_CLEAN 0xcdu
#define GUARDED_DEAD 0xddu
#define GUARDED_FORBIDDEN 0xfdu

#define GUARDED_TAIL_BYTES 16u
#define GUARDED_QUARANTINE 4096u          /* blocks that were freed and are kept */
#define GUARDED_QUARANTINE_LARGEST 16384u /* bytes; larger ones are let go at once */

enum guarded_kind {
    GUARDED_DOUBLE_FREE = 1,
    GUARDED_FOREIGN,        /* a pointer that was not given out, or was freed long ago */
    GUARDED_OVERRUN,        /* written behind the block's end */
    GUARDED_UNDERRUN,       /* written before its start */
    GUARDED_USE_AFTER_FREE, /* written to after it was freed */
    GUARDED_WRONG_SIZE,     /* freed with another size than it was asked for with */
    GUARDED_KINDS
};

struct guarded_fault {
    enum guarded_kind kind;
    const void *block; /* as the program knows it, or as it was passed */
    uint64_t size;     /* that it was asked for with */
    uint64_t serial;   /* which allocation it was, counted from 1 */
    uint64_t given;    /* WRONG_SIZE: the size it was freed with */
    int64_t offset;    /* of the first byte that is not as it was left, from the block's start */
    uint32_t found;    /* that byte */
    uint32_t allocated_at; /* stacks; 0 where it is not known */
    uint32_t freed_at;
    uint32_t noticed_at;
};

struct guarded_setup {
    /* The allocator for what is no small block; alignment is a power of two. */
    void *(*get)(size_t alignment, size_t size);
    void (*put)(void *memory);
    /* Called with each fault that is found, by the thread that finds it.  It may allocate. */
    void (*report)(const struct guarded_fault *fault);
};

/* Once, before any other call.  false: no memory. */
bool guarded_init(const struct guarded_setup *setup);

/* `size` bytes, zeroed or clean.  NULL: no memory, or too large. */
void *guarded_alloc(size_t size, size_t alignment, bool zeroed, uint32_t stack);

/* Always moves.  NULL: no memory, and nothing was freed. */
void *guarded_realloc(void *block, size_t size, uint32_t stack);

/*
 * false: it was not freed, for a reason that was reported.  What was found damaged is
 * reported and freed.
 */
bool guarded_free(void *block, uint32_t stack);
bool guarded_free_sized(void *block, size_t size, uint32_t stack);

/* A fault is reported if it is a live block that was asked for with another size. */
void guarded_expect_size(const void *block, size_t size, uint32_t stack);

/* The size asked for; 0 for what is not a live block. */
size_t guarded_size(const void *block);

/* Check all blocks, live or in quarantine.  How many faults were reported. */
uint64_t guarded_check(uint32_t stack);

/* Let go of everything in quarantine, checking it. */
void guarded_flush(uint32_t stack);

struct guarded_totals {
    uint64_t serials;   /* allocations so far */
    uint64_t faults;    /* reported so far */
    uint64_t unwatched; /* large blocks for which the set had no room: foreign pointers may be taken
                           for theirs */
};
void guarded_totals(struct guarded_totals *totals);

#endif
