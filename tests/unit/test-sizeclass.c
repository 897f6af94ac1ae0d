/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/sizeclass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_known(void **unused)
{
    static const struct {
        uint64_t size;
        uint32_t sizeclass;
    } known[] = {{0, 0},          {1, 1},
                 {16, 1},         {17, 2},
                 {32, 2},         {33, 3},
                 {64, 3},         {65, 4},
                 {512, 6},        {513, 7},
                 {1024, 7},       {4096, 9},
                 {4097, 10},      {UINT64_C(1) << 47, 44},
                 {UINT64_MAX, 61}};

    (void)unused;
    for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++)
        assert_int_equal(sizeclass_of(known[i].size), known[i].sizeclass);
}

/* Every class begins right after the one before it, and contains its own ends. */
static void test_bounds(void **unused)
{
    (void)unused;
    for (uint32_t c = 0; c < SIZECLASSES; c++) {
        assert_int_equal(sizeclass_of(sizeclass_first(c)), c);
        assert_int_equal(sizeclass_of(sizeclass_last(c)), c);
        if (c)
            assert_int_equal(sizeclass_first(c), sizeclass_last(c - 1) + 1);
    }
    assert_int_equal(sizeclass_first(0), 0);
    assert_int_equal(sizeclass_last(SIZECLASSES - 1), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
