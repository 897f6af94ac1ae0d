// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    uint64_t a, b, quotient;
    double seconds, later;
    int64_t wide;
    int32_t narrow;
    uint32_t parent, start, length;
    uint8_t id[32];
};

#define AT(field) offsetof(struct row, field)

static const struct column columns[] = {
    {COLUMN_U64, PREDICT_NOTHING, AT(a), 0, 0},
    {COLUMN_U64, PREDICT_PREVIOUS, AT(b), 0, 0},
    {COLUMN_U64, PREDICT_QUOTIENT, AT(quotient), AT(a), AT(b)},
    {COLUMN_SECONDS, PREDICT_PREVIOUS, AT(seconds), 0, 0},
    {COLUMN_SECONDS, PREDICT_FIELD, AT(later), AT(seconds), 0},
    {COLUMN_I64, PREDICT_NOTHING, AT(wide), 0, 0},
    {COLUMN_I32, PREDICT_NOTHING, AT(narrow), 0, 0},
    {COLUMN_U32, PREDICT_ROW, AT(parent), 0, 0},
    {COLUMN_U32, PREDICT_NOTHING, AT(length), 0, 0},
    {COLUMN_U32, PREDICT_RUN, AT(start), AT(length), 0},
    {COLUMN_BUILD_ID, PREDICT_NOTHING, AT(id), 0, 0},
};
static const struct column_layout layout = {columns, sizeof columns / sizeof columns[0],
                                            sizeof(struct row)};

#define ROWS 3u
static const struct row rows[ROWS] = {
    {UINT64_MAX, 0, 5, 0.5, 0.25, INT64_MIN, INT32_MIN, 0, 7, 2, "first"},
    {1000, UINT64_MAX, 0, 0.000001, 0.000001, INT64_MAX, INT32_MAX, UINT32_MAX, 9, 1, "second"},
    {1000, 10, 100, 31536000.25, 40000000, -1, -1, 1, 10, UINT32_MAX, "third"},
};

static void extremes_make_the_trip(void **state)
{
    struct buffer b;
    struct view v;
    void *back;
    size_t count;

    (void)state;
    buffer_init(&b);
    columns_encode(&b, &layout, rows, ROWS);
    v = (struct view){b.bytes, b.bytes + b.used, false};
    assert_int_equal(columns_decode(&v, &layout, 100, &back, &count, NULL), 0);
    assert_int_equal(count, ROWS);
    assert_memory_equal(back, rows, sizeof rows);
    free(back);
    buffer_release(&b);
}

/* Enough rows for any batch of the encoder to be full, and for some to be left over. */
static void many_rows_make_the_trip(void **state)
{
    enum { MANY = 2500 };
    struct row *many = calloc(MANY, sizeof *many);
    struct buffer b;

    (void)state;
    assert_non_null(many);
    for (uint64_t i = 0, random = 1; i < MANY; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        many[i] = (struct row){.a = random,
                               .b = random >> 40,
                               .quotient = random >> 20,
                               .seconds = (double)(random >> 44) / 1e6,
                               .later = (double)(random >> 43) / 1e6,
                               .wide = (int64_t)random,
                               .narrow = (int32_t)(random >> 13),
                               .parent = (uint32_t)(i * (random >> 32) >> 32),
                               .start = (uint32_t)(random >> 30),
                               .length = (uint32_t)(random >> 50)};
        memcpy(many[i].id, &random, sizeof random);
    }
    buffer_init(&b);
    for (size_t count = 0; count <= MANY; count += 500) {
        struct view v;
        void *back;
        size_t got;

        b.used = 0;
        columns_encode(&b, &layout, many, count);
        v = (struct view){b.bytes, b.bytes + b.used, false};
        assert_int_equal(columns_decode(&v, &layout, MANY, &back, &got, NULL), 0);
        assert_int_equal(got, count);
        if (count)
            assert_memory_equal(back, many, count * sizeof *many);
        free(back);
    }
    buffer_release(&b);
    free(many);
}

static void what_is_as_predicted_takes_a_zero_byte(void **state)
{
    struct row expected[2] = {{0}, {0}};
    struct buffer b;

    (void)state;
    expected[0] = (struct row){.a = 100, .b = 10, .quotient = 10, .seconds = 2, .later = 2};
    expected[0].length = 3;
    expected[1] = expected[0];
    expected[1].start = 3;
    buffer_init(&b);
    columns_encode(&b, &layout, expected, 2);
    assert_int_equal(b.bytes[0], 2);
    assert_memory_equal(b.bytes + 1, "\x64\x64", 2);           /* a */
    assert_memory_equal(b.bytes + 3, "\x14\0", 2);             /* b: zigzag 10, then as before */
    assert_memory_equal(b.bytes + 5, "\0\0", 2);               /* quotient */
    assert_memory_equal(b.bytes + 7, "\x80\x92\xf4\x01\0", 5); /* 2,000,000 us */
    assert_memory_equal(b.bytes + 12, "\0\0", 2);              /* later */
    buffer_release(&b);
}

/* A prefix or an extension of an encoded table is refused with nothing allocated. */
static void only_the_exact_length_is_taken(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b);
    columns_encode(&b, &layout, rows, ROWS);
    buffer_put(&b, "", 1);
    for (size_t size = 0; size <= b.used; size++) {
        struct view v = {b.bytes, b.bytes + size, false};
        struct error e = {0};
        size_t count;
        void *back;

        if (size == b.used - 1)
            continue;
        assert_int_equal(columns_decode(&v, &layout, 100, &back, &count, &e), -1);
        assert_int_equal(e.kind, ERROR_FORMAT);
        assert_null(back);
        assert_int_equal(count, 0);
    }
    buffer_release(&b);
}

static int decode_bytes(const struct column *c, size_t most, const char *bytes, size_t size)
{
    const struct column_layout one = {c, 1, sizeof(struct row)};
    const uint8_t *start = (const uint8_t *)bytes;
    struct view v = {start, start + size, false};
    size_t count;
    void *back;
    int result = columns_decode(&v, &one, most, &back, &count, NULL);

    free(back);
    return result;
}

static void values_that_do_not_fit_are_refused(void **state)
{
    static const struct column u32 = {COLUMN_U32, PREDICT_NOTHING, AT(parent), 0, 0};
    static const struct column row = {COLUMN_U32, PREDICT_ROW, AT(parent), 0, 0};
    static const struct column i32 = {COLUMN_I32, PREDICT_NOTHING, AT(narrow), 0, 0};
    static const struct column time = {COLUMN_SECONDS, PREDICT_NOTHING, AT(seconds), 0, 0};

    (void)state;
    assert_int_equal(decode_bytes(&u32, 9, "\1\xff\xff\xff\xff\x0f", 6), 0);
    assert_int_equal(decode_bytes(&u32, 9, "\1\x80\x80\x80\x80\x10", 6), -1);
    assert_int_equal(decode_bytes(&row, 9, "\1\0", 2), 0);
    assert_int_equal(decode_bytes(&row, 9, "\1\1", 2), -1); /* row 0 has nothing below it */
    assert_int_equal(decode_bytes(&i32, 9, "\1\xff\xff\xff\xff\x0f", 6), 0);
    assert_int_equal(decode_bytes(&i32, 9, "\1\x80\x80\x80\x80\x10", 6), -1);
    assert_int_equal(decode_bytes(&time, 9, "\1\x80\x80\x80\x80\x80\x80\x80\x02", 9), 0);
    assert_int_equal(decode_bytes(&time, 9, "\1\x81\x80\x80\x80\x80\x80\x80\x02", 9), -1);
}

static void counts_are_limited(void **state)
{
    static const struct column u32 = {COLUMN_U32, PREDICT_NOTHING, AT(parent), 0, 0};

    (void)state;
    assert_int_equal(decode_bytes(&u32, 3, "\3\0\0\0", 4), 0);
    assert_int_equal(decode_bytes(&u32, 2, "\3\0\0\0", 4), -1);
    assert_int_equal(decode_bytes(&u32, 9, "\4\0\0\0", 4), -1);
    assert_int_equal(decode_bytes(&u32, 9, "\0", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extremes_make_the_trip),
        cmocka_unit_test(many_rows_make_the_trip),
        cmocka_unit_test(what_is_as_predicted_takes_a_zero_byte),
        cmocka_unit_test(only_the_exact_length_is_taken),
        cmocka_unit_test(values_that_do_not_fit_are_refused),
        cmocka_unit_test(counts_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
