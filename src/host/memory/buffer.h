/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: a buffer that grows as it is written, and a view that is read with
 * every access checked.  Both remember a failure, so that a long series of
 * calls needs one check at its end.  Numbers are little-endian; varints are
 * LEB128 (DWARF 5 section 7.6) of at most 64 bits.
 */
#ifndef MEMPROF_HOST_BUFFER_H
#define MEMPROF_HOST_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *bytes;
    size_t used, room;
    bool failed; /* memory ran out; later writes do nothing */
};

void buffer_init(struct buffer *b);
void buffer_release(struct buffer *b);

/* Room for `more` bytes behind the used ones; NULL when memory runs out. */
uint8_t *buffer_reserve(struct buffer *b, size_t more);

void buffer_put(struct buffer *b, const void *bytes, size_t size);
void buffer_put_u32(struct buffer *b, uint32_t value);
void buffer_put_u64(struct buffer *b, uint64_t value);
void buffer_put_varint(struct buffer *b, uint64_t value);

/* Many, one after the other. */
void buffer_put_varints(struct buffer *b, const uint64_t *values, size_t count);

struct view {
    const uint8_t *at, *end;
    bool failed; /* more was asked for than there is; later reads give 0 */
};

static inline size_t view_left(const struct view *v)
{
    return (size_t)(v->end - v->at);
}

/* `size` bytes in place, NULL when they are not there. */
const uint8_t *view_take(struct view *v, size_t size);
uint32_t view_u32(struct view *v);
uint64_t view_u64(struct view *v);
uint64_t view_varint(struct view *v);

#endif
