// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/buffer.h"

#include <stdlib.h>
#include <string.h>

#define VARINT_MAX 10 /* bytes of a 64-bit value */
#define VARINTS_AT_ONCE 1024u

void buffer_init(struct buffer *b)
{
    memset(b, 0, sizeof *b);
}

void buffer_release(struct buffer *b)
{
    free(b->bytes);
    buffer_init(b);
}

static bool grow(struct buffer *b, size_t more)
{
    size_t room = b->room ? b->room : 4096;
    uint8_t *bytes;

    while (room - b->used < more) {
        if (room > SIZE_MAX / 2)
            return false;
        room *= 2;
    }
    bytes = realloc(b->bytes, room);
    if (!bytes)
        return false;
    b->bytes = bytes;
    b->room = room;
    return true;
}

uint8_t *buffer_reserve(struct buffer *b, size_t more)
{
    if (b->failed)
        return NULL;
    if (b->room - b->used < more && !grow(b, more)) {
        b->failed = true;
        return NULL;
    }
    return b->bytes + b->used;
}

void buffer_put(struct buffer *b, const void *bytes, size_t size)
{
    uint8_t *to;

    if (size == 0)
        return;
    to = buffer_reserve(b, size);
    if (!to)
        return;
    memcpy(to, bytes, size);
    b->used += size;
}

static void put_little_endian(struct buffer *b, uint64_t value, unsigned width)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    buffer_put(b, bytes, width);
}

void buffer_put_u32(struct buffer *b, uint32_t value)
{
    put_little_endian(b, value, 4);
}

void buffer_put_u64(struct buffer *b, uint64_t value)
{
    put_little_endian(b, value, 8);
}

static uint8_t *write_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

void buffer_put_varint(struct buffer *b, uint64_t value)
{
    uint8_t *to = buffer_reserve(b, VARINT_MAX);

    if (to)
        b->used = (size_t)(write_varint(to, value) - b->bytes);
}

void buffer_put_varints(struct buffer *b, const uint64_t *values, size_t count)
{
    while (count) {
        /* room is looked for once for many: half of a large table's time was that */
        size_t some = count < VARINTS_AT_ONCE ? count : VARINTS_AT_ONCE;
        uint8_t *to = buffer_reserve(b, some * VARINT_MAX);

        if (!to)
            return;
        for (size_t i = 0; i < some; i++)
            to = write_varint(to, values[i]);
        b->used = (size_t)(to - b->bytes);
        values += some;
        count -= some;
    }
}

const uint8_t *view_take(struct view *v, size_t size)
{
    const uint8_t *bytes = v->at;

    if (v->failed || view_left(v) < size) {
        v->failed = true;
        return NULL;
    }
    v->at += size;
    return bytes;
}

static uint64_t take_little_endian(struct view *v, unsigned width)
{
    const uint8_t *bytes = view_take(v, width);
    uint64_t value = 0;

    for (unsigned i = 0; bytes && i < width; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

uint32_t view_u32(struct view *v)
{
    return (uint32_t)take_little_endian(v, 4);
}

uint64_t view_u64(struct view *v)
{
    return take_little_endian(v, 8);
}

uint64_t view_varint(struct view *v)
{
    uint64_t value = 0;

    for (unsigned shift = 0; !v->failed && v->at < v->end && shift < 64; shift += 7) {
        uint8_t byte = *v->at++;

        if (shift == 63 && byte > 1)
            break; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    v->failed = true;
    return 0;
}
