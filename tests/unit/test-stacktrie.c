/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the trie, as few and as many as there may be. */
#include "src/shared/stacktrie.h"
#include "tests/unit/segment-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MANY (3u << 19) /* more than have buckets of the first part */

static struct segment segment;

static int map_segment(void **state)
{
    struct segment_settings settings = {0};

    (void)state;
    if (make_segment(&segment, 4, &settings) != 0)
        return -1;
    return 0;
}

static int unmap_segment(void **state)
{
    (void)state;
    return drop_segment(&segment);
}

static uint32_t nodes(void)
{
    return atomic_load_explicit(&segment_header(&segment)->nodes_used, memory_order_relaxed);
}

/* A path from the root with a branch at every node; its end. */
static uint32_t descend(uint32_t levels)
{
    uint32_t parent = STACK_ROOT_WHOLE;

    for (uint32_t i = 0; i < levels; i++) {
        uint32_t left = stacktrie_child(&segment, parent, 0x401000 + i % 7 * 16);
        uint32_t right = stacktrie_child(&segment, parent, 0x402000 + i % 5 * 16);

        assert_true(left >= STACK_ROOTS && right >= STACK_ROOTS && left != right);
        parent = i % 3 ? left : right;
    }
    return parent;
}

static void the_same_child_is_one_node_wherever_it_lies(void **state)
{
    uint32_t before = nodes(), end, levels = MANY / 2;

    (void)state;
    end = descend(levels);
    assert_int_equal(nodes(), before + 2 * levels);
    assert_int_equal(descend(levels), end);
    assert_int_equal(nodes(), before + 2 * levels);
}

static void a_path_is_read_back(void **state)
{
    uint32_t id = descend(MANY / 2), levels = 0;
    uint64_t frame;

    (void)state;
    while (id >= STACK_ROOTS) {
        assert_true(stacktrie_read(&segment, id, &frame, &id));
        levels++;
    }
    assert_int_equal(id, STACK_ROOT_WHOLE);
    assert_int_equal(levels, MANY / 2);
}

static void a_full_trie_says_so(void **state)
{
    uint32_t parent = STACK_ROOT_WHOLE, child, last = 0;

    (void)state;
    while ((child = stacktrie_child(&segment, parent, 0x500000)))
        parent = last = child;
    assert_true(last > 0);
    assert_int_equal(nodes(), segment.layout.nodes_max);
    assert_int_equal(stacktrie_child(&segment, last, 0x500000), 0);
}

static void layouts_with_odd_counts_of_buckets_are_refused(void **state)
{
    struct segment_layout layout = segment.layout;

    (void)state;
    assert_true(segment_layout_valid(&layout));
    layout.far_buckets--;
    assert_false(segment_layout_valid(&layout));
    layout.far_buckets = 1u << 31;
    assert_false(segment_layout_valid(&layout));
    layout.far_buckets = 0;
    assert_true(segment_layout_valid(&layout));
    layout.buckets = 0;
    assert_false(segment_layout_valid(&layout));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_child_is_one_node_wherever_it_lies),
        cmocka_unit_test(a_path_is_read_back),
        cmocka_unit_test(layouts_with_odd_counts_of_buckets_are_refused),
        cmocka_unit_test(a_full_trie_says_so),
    };

    return cmocka_run_group_tests(tests, map_segment, unmap_segment);
}
