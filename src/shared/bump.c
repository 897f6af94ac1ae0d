/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/bump.h"

#include "src/shared/sysmem.h"

#include <string.h>

#define PAGE 4096u

struct bump_chunk {
    struct bump_chunk *next;
    size_t bytes;
    char *dirty; /* up to here it was used before bump_reset */
};

void bump_init(struct bump *b)
{
    *b = (struct bump){0};
}

static void open_chunk(struct bump *b, struct bump_chunk *c)
{
    b->next = (char *)(c + 1);
    b->end = (char *)c + c->bytes;
}

static int add_chunk(struct bump *b, size_t size)
{
    size_t bytes = BUMP_CHUNK_BYTES;
    struct bump_chunk *c;

    if (size > bytes - sizeof(*c) - PAGE)
        bytes = (size + sizeof(*c) + 2 * PAGE - 1) & ~(size_t)(PAGE - 1);
    c = sysmem_map(bytes);
    if (!c)
        return -1;
    c->next = b->chunks;
    c->bytes = bytes;
    c->dirty = (char *)(c + 1);
    b->chunks = c;
    b->mapped_bytes += bytes;
    if (b->mapped_bytes > b->high_bytes)
        b->high_bytes = b->mapped_bytes;
    open_chunk(b, c);
    return 0;
}

/* The place in the open chunk, or NULL: it does not fit. */
static char *place(const struct bump *b, size_t size, size_t alignment)
{
    uintptr_t at = ((uintptr_t)b->next + alignment - 1) & ~(uintptr_t)(alignment - 1);

    return b->next && at <= (uintptr_t)b->end && size <= (uintptr_t)b->end - at ? (char *)at : NULL;
}

void *bump_alloc(struct bump *b, size_t size, size_t alignment)
{
    char *at = place(b, size, alignment);

    if (!at) {
        if (size > PTRDIFF_MAX || add_chunk(b, size) != 0)
            return NULL;
        at = place(b, size, alignment);
    }
    if (at < b->chunks->dirty)
        memset(at, 0,
               (size_t)(b->chunks->dirty - at) < size ? (size_t)(b->chunks->dirty - at) : size);
    b->used_bytes += (uint64_t)(at + size - b->next);
    b->next = at + size;
    return at;
}

bool bump_next(const struct bump *b, const struct bump_chunk **at, const void **start,
               size_t *bytes)
{
    *at = *at ? (*at)->next : b->chunks;
    if (!*at)
        return false;
    *start = *at;
    *bytes = (*at)->bytes;
    return true;
}

void bump_reset(struct bump *b)
{
    struct bump_chunk *kept = b->chunks;

    if (!kept)
        return;
    if (b->next > kept->dirty)
        kept->dirty = b->next;
    while (kept->next) {
        struct bump_chunk *c = kept->next;

        kept->next = c->next;
        b->mapped_bytes -= c->bytes;
        sysmem_unmap(c, c->bytes);
    }
    b->used_bytes = 0;
    open_chunk(b, kept);
}

void bump_release(struct bump *b)
{
    while (b->chunks) {
        struct bump_chunk *c = b->chunks;

        b->chunks = c->next;
        sysmem_unmap(c, c->bytes);
    }
    bump_init(b);
}
