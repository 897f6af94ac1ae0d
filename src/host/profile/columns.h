/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of plain structs as columns of varints, which compress well: a column
 * holds one field of every row, less what can be predicted from what came
 * before it.  A layout describes the fields once; writing and reading both
 * follow it.
 *
 * An encoded table is the number of rows as a varint, then its columns one
 * after another.  Differences are taken modulo 2^64 and stored in zigzag form
 * (0, -1, 1, -2, … → 0, 1, 2, 3, …).
 */
#ifndef MEMPROF_HOST_COLUMNS_H
#define MEMPROF_HOST_COLUMNS_H

#include "src/host/error.h"
#include "src/host/memory/buffer.h"

static inline uint64_t columns_zigzag(uint64_t difference)
{
    return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t columns_unzigzag(uint64_t stored)
{
    return stored >> 1 ^ (0 - (stored & 1));
}

enum column_type {
    COLUMN_U32,
    COLUMN_U64,
    COLUMN_I32,
    COLUMN_I64,
    COLUMN_SECONDS,  /* a double, kept to the microsecond; less than 0 becomes 0 */
    COLUMN_BUILD_ID, /* 32 bytes as they are */
};

enum column_prediction {
    PREDICT_NOTHING = 0,
    PREDICT_PREVIOUS, /* the row before */
    PREDICT_FIELD,    /* field `other` of the same row and type */
    PREDICT_ROW,      /* the row's own number, of which the value falls short */
    PREDICT_RUN,      /* the row before, plus its field `other`: consecutive ranges */
    PREDICT_QUOTIENT, /* `other` / `divisor`, both u64 fields of the same row */
};

struct column {
    enum column_type type;
    enum column_prediction prediction;
    size_t offset; /* of the field in its row */
    size_t other, divisor;
};

struct column_layout {
    const struct column *columns;
    size_t column_count;
    size_t row_bytes;
};

void columns_encode(struct buffer *to, const struct column_layout *layout, const void *rows,
                    size_t count);

/*
 * Decode a table that must end where `from` ends, with at most `most` rows.
 * *rows receives calloc'ed memory (NULL for no rows), whose size is bounded by
 * that of `from`: every row takes at least a byte a column.  0, or -1 with `e`
 * set and nothing allocated.
 */
int columns_decode(struct view *from, const struct column_layout *layout, size_t most, void **rows,
                   size_t *count, struct error *e);

#endif
