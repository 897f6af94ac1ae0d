// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct view view_of(const void *bytes, size_t size)
{
    const uint8_t *start = bytes;

    return (struct view){start, start + size, false};
}

static void numbers_are_little_endian(void **state)
{
    struct buffer b;
    struct view v;

    (void)state;
    buffer_init(&b);
    buffer_put_u32(&b, 0x01020304);
    buffer_put_u64(&b, UINT64_C(0x1112131415161718));
    assert_int_equal(b.used, 12);
    assert_memory_equal(b.bytes, "\4\3\2\1\x18\x17\x16\x15\x14\x13\x12\x11", 12);
    v = view_of(b.bytes, b.used);
    assert_int_equal(view_u32(&v), 0x01020304);
    assert_true(view_u64(&v) == UINT64_C(0x1112131415161718));
    assert_int_equal(view_left(&v), 0);
    assert_false(v.failed);
    buffer_release(&b);
}

static void varints_make_the_trip(void **state)
{
    struct buffer b;
    struct view v;

    (void)state;
    buffer_init(&b);
    for (unsigned bit = 0; bit < 64; bit++)
        for (uint64_t off = 0; off < 3; off++)
            buffer_put_varint(&b, (UINT64_C(1) << bit) + off - 1);
    buffer_put_varint(&b, UINT64_MAX);
    v = view_of(b.bytes, b.used);
    for (unsigned bit = 0; bit < 64; bit++)
        for (uint64_t off = 0; off < 3; off++)
            assert_true(view_varint(&v) == (UINT64_C(1) << bit) + off - 1);
    assert_true(view_varint(&v) == UINT64_MAX);
    assert_false(v.failed);
    assert_int_equal(view_left(&v), 0);
    buffer_release(&b);
}

static void malformed_varints_fail(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } malformed[] = {
        {"", 0},
        {"\x80", 1},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, /* bit 64 */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
    };

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct view v = view_of(malformed[i].bytes, malformed[i].size);

        assert_int_equal(view_varint(&v), 0);
        assert_true(v.failed);
    }
}

static void a_failed_view_stays_failed(void **state)
{
    struct view v = view_of("abc", 3);

    (void)state;
    assert_null(view_take(&v, 4));
    assert_true(v.failed);
    assert_null(view_take(&v, 1));
    assert_int_equal(view_u32(&v), 0);
    assert_int_equal(view_varint(&v), 0);
}

static void an_impossible_reservation_is_remembered(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b);
    buffer_put(&b, "kept", 4);
    assert_null(buffer_reserve(&b, SIZE_MAX - 2));
    assert_true(b.failed);
    buffer_put(&b, "lost", 4);
    assert_int_equal(b.used, 4);
    buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(varints_make_the_trip),
        cmocka_unit_test(malformed_varints_fail),
        cmocka_unit_test(a_failed_view_stays_failed),
        cmocka_unit_test(an_impossible_reservation_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
