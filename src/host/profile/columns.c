// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/columns.h"

#include <stdlib.h>
#include <string.h>

#define BUILD_ID_BYTES 32u
/* 2^50 microseconds are 35 years, and exact both ways through a double. */
#define MICROSECONDS_MAX (UINT64_C(1) << 50)

static uint64_t microseconds(double seconds)
{
    double value = seconds * 1e6 + 0.5;

    if (!(value >= 1)) /* NaN too */
        return 0;
    return value < (double)MICROSECONDS_MAX ? (uint64_t)value : MICROSECONDS_MAX;
}

static inline uint64_t field_get(const uint8_t *row, enum column_type type, size_t offset)
{
    union {
        uint32_t u32;
        uint64_t u64;
        int32_t i32;
        double seconds;
    } v;

    switch (type) {
    case COLUMN_U32:
        memcpy(&v.u32, row + offset, sizeof v.u32);
        return v.u32;
    case COLUMN_I32:
        memcpy(&v.i32, row + offset, sizeof v.i32);
        return (uint64_t)(int64_t)v.i32;
    case COLUMN_SECONDS:
        memcpy(&v.seconds, row + offset, sizeof v.seconds);
        return microseconds(v.seconds);
    default:
        memcpy(&v.u64, row + offset, sizeof v.u64);
        return v.u64;
    }
}

/* false: the value does not fit the field. */
static bool field_set(uint8_t *row, enum column_type type, size_t offset, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    double seconds = (double)value / 1e6;

    switch (type) {
    case COLUMN_U32:
        memcpy(row + offset, &narrow, sizeof narrow);
        return value == narrow;
    case COLUMN_I32:
        memcpy(row + offset, &narrow, sizeof narrow);
        return value == (uint64_t)(int64_t)(int32_t)narrow;
    case COLUMN_SECONDS:
        memcpy(row + offset, &seconds, sizeof seconds);
        return value <= MICROSECONDS_MAX;
    default:
        memcpy(row + offset, &value, sizeof value);
        return true;
    }
}

static uint64_t quotient(const struct column *c, const uint8_t *row)
{
    uint64_t divisor = field_get(row, COLUMN_U64, c->divisor);

    return divisor ? field_get(row, COLUMN_U64, c->other) / divisor : 0;
}

/* What the field of row `i` is expected to be, from what the reader has by then. */
static uint64_t predicted(const struct column *c, const uint8_t *row, size_t row_bytes, size_t i)
{
    const uint8_t *previous = i ? row - row_bytes : NULL;

    switch (c->prediction) {
    case PREDICT_PREVIOUS:
        return previous ? field_get(previous, c->type, c->offset) : 0;
    case PREDICT_FIELD:
        return field_get(row, c->type, c->other);
    case PREDICT_ROW:
        return i;
    case PREDICT_RUN:
        return previous ? field_get(previous, c->type, c->offset) +
                              field_get(previous, c->type, c->other)
                        : 0;
    case PREDICT_QUOTIENT:
        return quotient(c, row);
    default:
        return 0;
    }
}

/* Whether stored values of the column may stand for negative numbers. */
static bool is_signed(const struct column *c)
{
    if (c->prediction == PREDICT_ROW)
        return false;
    return c->prediction != PREDICT_NOTHING || c->type == COLUMN_I32 || c->type == COLUMN_I64;
}

/* ------------------------------------------------------------- encoding -- */

/* Rows that are encoded together: what depends on the column is asked once for all of them. */
#define BATCH 512u

/* Some rows of a table, the first of which is its row number `first`. */
struct batch {
    const uint8_t *rows;
    size_t row_bytes, first, count;
};

/* The field of each row. */
static void gather(uint64_t *to, const struct batch *b, enum column_type type, size_t offset)
{
    const uint8_t *row = b->rows;

    switch (type) {
    case COLUMN_U32:
        for (size_t i = 0; i < b->count; i++, row += b->row_bytes)
            to[i] = field_get(row, COLUMN_U32, offset);
        break;
    case COLUMN_U64:
        for (size_t i = 0; i < b->count; i++, row += b->row_bytes)
            to[i] = field_get(row, COLUMN_U64, offset);
        break;
    default:
        for (size_t i = 0; i < b->count; i++, row += b->row_bytes)
            to[i] = field_get(row, type, offset);
    }
}

/* What the field of each row is expected to be, as predicted() says. */
static void expect(uint64_t *to, const uint64_t *values, const struct batch *b,
                   const struct column *c)
{
    switch (c->prediction) {
    case PREDICT_NOTHING:
        memset(to, 0, b->count * sizeof *to);
        break;
    case PREDICT_PREVIOUS:
        to[0] = predicted(c, b->rows, b->row_bytes, b->first);
        memcpy(to + 1, values, (b->count - 1) * sizeof *to);
        break;
    case PREDICT_FIELD:
        gather(to, b, c->type, c->other);
        break;
    default:
        for (size_t i = 0; i < b->count; i++)
            to[i] = predicted(c, b->rows + i * b->row_bytes, b->row_bytes, b->first + i);
    }
}

static void encode_batch(struct buffer *to, const struct column *c, const struct batch *b)
{
    uint64_t values[BATCH], expected[BATCH];
    bool may_be_negative = is_signed(c);

    gather(values, b, c->type, c->offset);
    expect(expected, values, b, c);
    for (size_t i = 0; i < b->count; i++) {
        uint64_t off =
            c->prediction == PREDICT_ROW ? expected[i] - values[i] : values[i] - expected[i];

        values[i] = may_be_negative ? columns_zigzag(off) : off;
    }
    buffer_put_varints(to, values, b->count);
}

static void encode_column(struct buffer *to, const struct column *c, const uint8_t *rows,
                          size_t row_bytes, size_t count)
{
    if (c->type == COLUMN_BUILD_ID) {
        for (size_t i = 0; i < count; i++)
            buffer_put(to, rows + i * row_bytes + c->offset, BUILD_ID_BYTES);
        return;
    }
    for (size_t first = 0; first < count; first += BATCH) {
        size_t left = count - first;
        struct batch b = {rows + first * row_bytes, row_bytes, first, left < BATCH ? left : BATCH};

        encode_batch(to, c, &b);
    }
}

void columns_encode(struct buffer *to, const struct column_layout *layout, const void *rows,
                    size_t count)
{
    buffer_put_varint(to, count);
    for (size_t i = 0; i < layout->column_count; i++)
        encode_column(to, &layout->columns[i], rows, layout->row_bytes, count);
}

/* ------------------------------------------------------------- decoding -- */

static bool decode_field(struct view *from, const struct column *c, uint8_t *row, size_t row_bytes,
                         size_t i)
{
    uint64_t value, expected;

    if (c->type == COLUMN_BUILD_ID) {
        const uint8_t *bytes = view_take(from, BUILD_ID_BYTES);

        if (bytes)
            memcpy(row + c->offset, bytes, BUILD_ID_BYTES);
        return bytes != NULL;
    }
    value = view_varint(from);
    if (is_signed(c))
        value = columns_unzigzag(value);
    expected = predicted(c, row, row_bytes, i);
    value = c->prediction == PREDICT_ROW ? expected - value : expected + value;
    return field_set(row, c->type, c->offset, value) && !from->failed;
}

static bool decode_rows(struct view *from, const struct column_layout *layout, uint8_t *rows,
                        size_t count)
{
    for (size_t c = 0; c < layout->column_count; c++)
        for (size_t i = 0; i < count; i++)
            if (!decode_field(from, &layout->columns[c], rows + i * layout->row_bytes,
                              layout->row_bytes, i))
                return false;
    return view_left(from) == 0;
}

int columns_decode(struct view *from, const struct column_layout *layout, size_t most, void **rows,
                   size_t *count, struct error *e)
{
    uint64_t n = view_varint(from);
    uint8_t *memory = NULL;

    *rows = NULL;
    *count = 0;
    if (from->failed || n > most || n > view_left(from) / layout->column_count)
        return error_set(e, ERROR_FORMAT, "impossible number of rows");
    if (n) {
        memory = calloc((size_t)n, layout->row_bytes);
        if (!memory)
            return error_set(e, ERROR_MEMORY, "out of memory for %llu rows", (unsigned long long)n);
    }
    if (!decode_rows(from, layout, memory, (size_t)n)) {
        free(memory);
        return error_set(e, ERROR_FORMAT, "the rows do not fill their section");
    }
    *rows = memory;
    *count = (size_t)n;
    return 0;
}
