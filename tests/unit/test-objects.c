/* SPDX-License-Identifier: Apache-2.0 */
/* Bump arenas and pools of objects: what they give out, and what they say they hold. */
#include "src/shared/bump.h"
#include "src/shared/objects.h"
#include "src/shared/sysmem.h"
#include "tests/unit/failing-sysmem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_zero(const void *memory, size_t size)
{
    const unsigned char *byte = memory;

    for (size_t i = 0; i < size; i++)
        assert_int_equal(byte[i], 0);
}

static void bump_gives_zeroed_aligned_memory(void **state)
{
    struct bump b = {0};
    uint64_t asked = 0;
    char *before = NULL;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 1; i < 2000; i++) {
            size_t alignment = (size_t)1 << i % 13;
            char *p = bump_alloc(&b, i, alignment);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignment, 0);
            assert_zero(p, i);
            assert_true(before == NULL || p >= before || p + i <= before - i + 1);
            memset(p, 0xff, i);
            before = p + i;
            asked += i;
            assert_true(b.used_bytes >= asked && b.mapped_bytes >= b.used_bytes);
        }
        bump_reset(&b);
        before = NULL;
        asked = 0;
        assert_int_equal(b.used_bytes, 0);
        assert_int_equal(b.mapped_bytes, BUMP_CHUNK_BYTES);
        assert_true(b.high_bytes > 10 * BUMP_CHUNK_BYTES);
    }
    bump_release(&b);
    assert_int_equal(b.mapped_bytes, 0);
}

static void bump_gives_large_pieces(void **state)
{
    static const size_t sizes[] = {BUMP_CHUNK_BYTES - 4096, BUMP_CHUNK_BYTES, 10 << 20};
    struct bump b;

    (void)state;
    bump_init(&b);
    for (size_t i = 0; i < 3; i++) {
        char *p = bump_alloc(&b, sizes[i], 4096);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 4096, 0);
        memset(p, 1, sizes[i]);
    }
    assert_null(bump_alloc(&b, SIZE_MAX, 1));
    assert_null(bump_alloc(&b, (size_t)PTRDIFF_MAX + 1, 16));
    assert_non_null(bump_alloc(&b, 0, 1));
    bump_release(&b);
}

static void objects_are_used_again(void **state)
{
    enum { COUNT = 10000 };
    static unsigned char *taken[COUNT];
    struct objects o;
    uint64_t mapped;

    (void)state;
    objects_init(&o, 40, 16);
    assert_int_equal(o.size, 48);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            taken[i] = objects_take(&o);
            assert_non_null(taken[i]);
            assert_int_equal((uintptr_t)taken[i] % 16, 0);
            assert_zero(taken[i], 40);
            memset(taken[i], i, 40);
        }
        for (int i = 0; i < COUNT; i++)
            for (int k = 0; k < 40; k++)
                assert_int_equal(taken[i][k], (unsigned char)i);
        assert_int_equal(o.used, COUNT);
        assert_int_equal(objects_used_bytes(&o), COUNT * 48);
        mapped = objects_mapped_bytes(&o);
        assert_true(mapped >= COUNT * 48 && mapped < COUNT * 48 * 5 / 4);
        for (int i = 0; i < COUNT; i++)
            objects_give(&o, taken[i]);
        assert_int_equal(o.used, 0);
        assert_int_equal(objects_mapped_bytes(&o), mapped); /* the same memory each round */
    }
    assert_int_equal(o.high_used, COUNT);
    objects_release(&o);
    assert_int_equal(objects_mapped_bytes(&o), 0);
}

static void tiny_objects_hold_a_link(void **state)
{
    struct objects o;
    char *a, *b;

    (void)state;
    objects_init(&o, 1, 1);
    a = objects_take(&o);
    b = objects_take(&o);
    assert_true(b - a >= (ptrdiff_t)sizeof(void *));
    objects_give(&o, a);
    objects_give(&o, b);
    assert_ptr_equal(objects_take(&o), b);
    assert_ptr_equal(objects_take(&o), a);
    objects_release(&o);
}

/* Each mapping may fail: nothing is given out, and everything goes on when there is memory again.
 */
static void no_memory_is_said(void **state)
{
    (void)state;
    for (long n = 1; n < 5; n++) {
        struct objects o;
        uint64_t got = 0;

        objects_init(&o, 4096, 4096);
        sysmem_calls = 0;
        sysmem_fail_from = n;
        sysmem_fail_count = 1;
        for (int i = 0; i < 100; i++)
            got += objects_take(&o) != NULL;
        sysmem_fail_from = 0;
        assert_int_equal(got, 99);
        assert_int_equal(o.used, got);
        objects_release(&o);
    }
}

/* What the whole process has mapped is what each says of itself, and given back it is nothing. */
static void mappings_are_counted(void **state)
{
    uint64_t before = sysmem_private_bytes();
    struct objects o;
    struct bump b;
    char *aligned;

    (void)state;
    bump_init(&b);
    objects_init(&o, 100, 8);
    for (int i = 0; i < 5000; i++)
        assert_true(bump_alloc(&b, 33, 1) && objects_take(&o));
    assert_non_null(bump_alloc(&b, (1 << 20) + 1, 64));
    assert_true(b.mapped_bytes > 1 << 20);
    assert_int_equal(sysmem_private_bytes() - before, b.mapped_bytes + objects_mapped_bytes(&o));
    bump_reset(&b);
    assert_int_equal(sysmem_private_bytes() - before, b.mapped_bytes + objects_mapped_bytes(&o));
    bump_release(&b);
    objects_release(&o);
    assert_int_equal(sysmem_private_bytes(), before);
    aligned = sysmem_map_aligned(3 * 4096, 1 << 20);
    assert_non_null(aligned);
    assert_int_equal(sysmem_private_bytes() - before, 3 * 4096);
    sysmem_unmap(aligned, 3 * 4096);
    assert_non_null(aligned = sysmem_map(1));
    assert_int_equal(sysmem_private_bytes() - before, 4096);
    sysmem_unmap(aligned, 1);
    assert_int_equal(sysmem_private_bytes(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bump_gives_zeroed_aligned_memory),
        cmocka_unit_test(bump_gives_large_pieces),
        cmocka_unit_test(objects_are_used_again),
        cmocka_unit_test(tiny_objects_hold_a_link),
        cmocka_unit_test(no_memory_is_said),
        cmocka_unit_test(mappings_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
