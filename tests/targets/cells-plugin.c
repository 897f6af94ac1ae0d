// SPDX-License-Identifier: Apache-2.0
/*
 * An allocator that a jump out of a signal handler does no harm to, to be preloaded
 * for one thread: 4,096 cells in turn for small blocks, which so must be
 * short-lived, and room that is never given back for the others.
 */
#include <stddef.h>
#include <string.h>

#define CELL 32
#define CELLS 4096

static _Alignas(64) char cells[CELLS][CELL], room[32 << 20];
static size_t cell, used;

static char *take(size_t size)
{
    char *at;

    if (size <= CELL)
        return cells[cell++ % CELLS];
    at = room + used + 16;
    used += (size + 31) & ~(size_t)15;
    if (used > sizeof(room))
        return NULL;
    memcpy(at - 16, &size, sizeof(size));
    return at;
}

static size_t size_of(const char *block)
{
    size_t size = CELL;

    if (block < cells[0] || block >= cells[CELLS])
        memcpy(&size, block - 16, sizeof(size));
    return size;
}

void *malloc(size_t size)
{
    return take(size);
}

void free(void *block)
{
    (void)block;
}

void *calloc(size_t count, size_t size)
{
    void *block = take(count * size);

    return block ? memset(block, 0, count * size) : NULL;
}

void *realloc(void *old, size_t size)
{
    void *block = take(size);
    size_t had = old ? size_of(old) : 0;

    return block ? memcpy(block, old ? old : block, had < size ? had : size) : NULL;
}
