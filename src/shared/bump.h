/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is taken bit by bit and given back all at once: what a pass over
 * something builds and then forgets.  Nothing is freed by itself, and nothing
 * moves.  One user at a time; may be used in the target.
 */
#ifndef MEMPROF_SHARED_BUMP_H
#define MEMPROF_SHARED_BUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUMP_CHUNK_BYTES ((size_t)64 << 10) /* mapped at a time; more for what is larger */

struct bump_chunk;

struct bump {
    struct bump_chunk *chunks; /* the newest first */
    char *next, *end;          /* what is left of it */
    uint64_t mapped_bytes;     /* held from the operating system */
    uint64_t used_bytes;       /* asked for so far, alignment included */
    uint64_t high_bytes;       /* the most that mapped_bytes has been */
};

/* All zero is an empty one, too. */
void bump_init(struct bump *b);

/* Zeroed bytes at a multiple of `alignment`, a power of two up to a page.  NULL: no memory. */
void *bump_alloc(struct bump *b, size_t size, size_t alignment);

/*
 * The mappings that it holds, the newest first: begin with *at NULL.  false: there are no
 * more.
 */
bool bump_next(const struct bump *b, const struct bump_chunk **at, const void **start,
               size_t *bytes);

/* Forget everything, but keep one chunk for what comes next.  It is zeroed again when used. */
void bump_reset(struct bump *b);

/* Forget everything and give all of it back. */
void bump_release(struct bump *b);

#endif
