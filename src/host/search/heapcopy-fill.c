// SPDX-License-Identifier: Apache-2.0
/* Reading the extents, many in a call, since they lie one behind the other here. */
#include "src/host/search/heapcopy-parts.h"

#include <errno.h>
#include <unistd.h>

#define PIECES HELDMEMORY_PIECES
#define CALL_BYTES ((uint64_t)1 << 30)

struct reader {
    struct heapcopy *copy;
    struct heldmemory memory;
    uint64_t page;
    uint32_t extent; /* that is read next, */
    uint64_t offset; /* from here */
};

/* ------------------------------------------------------------- extents -- */

/* Cut a page at the place to be read next out of its extent. */
static bool skip_page(struct reader *r)
{
    struct heapcopy *c = r->copy;
    struct heap_extent *x = &c->extents[r->extent], rest;
    uint64_t at = x->address + r->offset, skipped = r->page - (at & (r->page - 1));

    if (skipped > x->size - r->offset)
        skipped = x->size - r->offset;
    c->unreadable_bytes += skipped;
    rest = (struct heap_extent){at + skipped, x->size - r->offset - skipped,
                                x->bytes + r->offset + skipped};
    x->size = r->offset;
    if (rest.size == 0) {
        r->extent++;
    } else if (x->size == 0) {
        *x = rest;
    } else {
        if (!heapcopy_add(c, 0, 0))
            return false;
        for (uint32_t i = c->extent_count - 1; i > r->extent + 1; i--)
            c->extents[i] = c->extents[i - 1];
        c->extents[++r->extent] = rest;
    }
    r->offset = 0;
    return true;
}

static void advance(struct reader *r, uint64_t bytes)
{
    struct heapcopy *c = r->copy;

    while (bytes > 0) {
        uint64_t left = c->extents[r->extent].size - r->offset;

        if (bytes < left) {
            r->offset += bytes;
            return;
        }
        bytes -= left;
        r->extent++;
        r->offset = 0;
    }
}

/* ------------------------------------------------------------- reading -- */

/* Pieces of the target from the place to be read next on; how many. */
static unsigned long list_pieces(const struct reader *r, struct iovec *pieces, struct iovec *to)
{
    const struct heapcopy *c = r->copy;
    uint64_t offset = r->offset, total = 0, size;
    unsigned long count = 0;

    to->iov_base = c->extents[r->extent].bytes + offset;
    for (uint32_t i = r->extent; i < c->extent_count && count < PIECES && total < CALL_BYTES; i++) {
        const struct heap_extent *x = &c->extents[i];

        /* after a cut the bytes do not follow each other any more */
        if (x->bytes + offset != (uint8_t *)to->iov_base + total)
            break;
        size = x->size - offset;
        if (size > CALL_BYTES - total)
            size = CALL_BYTES - total;
        pieces[count++] = (struct iovec){(void *)(uintptr_t)(x->address + offset), size};
        total += size;
        offset = 0;
    }
    to->iov_len = total;
    return count;
}

static ssize_t read_some(struct reader *r)
{
    struct iovec pieces[PIECES], to;
    unsigned long count = list_pieces(r, pieces, &to);

    return heldmemory_read(&r->memory, pieces, count, to.iov_base, to.iov_len);
}

static int read_all(struct reader *r, struct error *e)
{
    struct heapcopy *c = r->copy;

    while (r->extent < c->extent_count) {
        ssize_t got = c->extents[r->extent].size ? read_some(r) : 0;

        if (got > 0) {
            advance(r, (uint64_t)got);
        } else if (c->extents[r->extent].size == 0) {
            r->extent++;
        } else if (got == 0 || errno == ESRCH) {
            return error_set(e, ERROR_INPUT, "process %d has ended", (int)r->memory.pid);
        } else if (errno != EFAULT && errno != ENOMEM) {
            return error_set(e, ERROR_SYSTEM, "cannot read the memory of process %d",
                             (int)r->memory.pid);
        } else if (!skip_page(r)) {
            return error_set(e, ERROR_MEMORY, "out of memory");
        }
    }
    return 0;
}

static void drop_empty_extents(struct heapcopy *c)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->extent_count; i++)
        if (c->extents[i].size)
            c->extents[kept++] = c->extents[i];
    c->extent_count = kept;
}

int heapcopy_fill(struct heapcopy *c, pid_t pid, struct copyroom *room, struct error *e)
{
    struct reader r = {.copy = c, .page = (uint64_t)sysconf(_SC_PAGESIZE)};
    uint64_t total = 0;
    int result;

    for (uint32_t i = 0; i < c->extent_count; i++)
        total += c->extents[i].size;
    c->memory = copyroom_take(room, total);
    if (!c->memory)
        return error_set(e, ERROR_MEMORY, "out of memory");
    c->memory_size = total;
    heldmemory_init(&r.memory, pid);
    for (uint64_t i = 0, at = 0; i < c->extent_count; at += c->extents[i++].size)
        c->extents[i].bytes = (uint8_t *)c->memory + at;
    result = read_all(&r, e);
    heldmemory_release(&r.memory);
    drop_empty_extents(c);
    c->bytes = total - c->unreadable_bytes;
    return result;
}
