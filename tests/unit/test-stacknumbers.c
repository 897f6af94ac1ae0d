// SPDX-License-Identifier: Apache-2.0
/* Numbers of stacks and frames: parents first, each once, and none for what is damaged. */
#include "src/host/recording/stacknumbers.h"

#include "src/shared/stacktrie.h"
#include "tests/unit/segment-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct segment segment;
static struct modmap modmap;
static struct stack_numbers numbers;
static struct profile part;

static int set_up(void **state)
{
    struct segment_settings settings = {0};
    struct symbolizer_options options = {0};

    (void)state;
    if (make_segment(&segment, 6, &settings) != 0)
        return -1;
    if (modmap_init(&modmap, &segment, getpid(), "program", "/nowhere/ours.so", &options, NULL) !=
        0)
        return -1;
    stack_numbers_init(&numbers, &segment, &modmap);
    profile_init(&part);
    stack_numbers_roots(&numbers, &part);
    return numbers.failed ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    stack_numbers_release(&numbers);
    profile_release(&part);
    modmap_release(&modmap);
    return drop_segment(&segment);
}

static void test_roots(void **unused)
{
    (void)unused;
    assert_int_equal(part.node_count, STACK_ROOTS);
    for (uint32_t i = 0; i < STACK_ROOTS; i++) {
        assert_int_equal(part.nodes[i].frame, NO_FRAME);
        assert_int_equal(stack_numbers_node(&numbers, &part, i), i);
    }
    assert_int_equal(part.node_count, STACK_ROOTS);
}

/* Two stacks with common outer frames share them, and a frame that comes twice is one. */
static void test_sharing(void **unused)
{
    uint32_t outer = stacktrie_child(&segment, STACK_ROOT_WHOLE, 0x1000);
    uint32_t left = stacktrie_child(&segment, outer, 0x2000);
    uint32_t right = stacktrie_child(&segment, outer, 0x3000);
    uint32_t again = stacktrie_child(&segment, right, 0x1000);
    uint32_t a, b, c;

    (void)unused;
    a = stack_numbers_node(&numbers, &part, left);
    assert_int_equal(part.node_count, STACK_ROOTS + 2);
    b = stack_numbers_node(&numbers, &part, again);
    assert_int_equal(part.node_count, STACK_ROOTS + 4);
    assert_int_equal(part.frame_count, 3);
    c = stack_numbers_node(&numbers, &part, outer);
    assert_int_equal(part.node_count, STACK_ROOTS + 4);
    assert_int_equal(stack_numbers_node(&numbers, &part, left), a);
    assert_int_equal(part.nodes[a].parent, c);
    assert_int_equal(part.nodes[part.nodes[b].parent].parent, c);
    assert_int_equal(part.nodes[b].frame, part.nodes[c].frame);
    assert_int_equal(part.nodes[c].parent, STACK_ROOT_WHOLE);
    assert_int_equal(part.frames[part.nodes[a].frame].value, 0x2000);
    for (uint32_t i = STACK_ROOTS; i < part.node_count; i++)
        assert_true(part.nodes[i].parent < i);
}

/* A part holds what is new; the numbers in it count from the beginning. */
static void test_parts(void **unused)
{
    uint32_t outer = stacktrie_child(&segment, STACK_ROOT_TRUNCATED, 0x1000), first, second;
    struct profile next;

    (void)unused;
    first = stack_numbers_node(&numbers, &part, outer);
    profile_init(&next);
    second = stack_numbers_node(&numbers, &next, stacktrie_child(&segment, outer, 0x2000));
    assert_int_equal(next.node_count, 1);
    assert_int_equal(next.frame_count, 1);
    assert_int_equal(next.nodes[0].parent, first);
    assert_int_equal(next.nodes[0].frame, 1);
    assert_int_equal(second, first + 1);
    assert_int_equal(numbers.roots[second], STACK_ROOT_TRUNCATED);
    profile_release(&next);
}

/* Longer and more than any first array. */
static void test_many(void **unused)
{
    uint32_t deep = STACK_ROOT_WHOLE, number;

    (void)unused;
    for (uint32_t i = 1; i <= 5000; i++)
        deep = stacktrie_child(&segment, deep, i * 16);
    number = stack_numbers_node(&numbers, &part, deep);
    assert_false(numbers.failed);
    assert_int_equal(part.frame_count, 5000);
    for (uint32_t i = 5000; i > 0; i--) {
        assert_int_equal(part.frames[part.nodes[number].frame].value, i * 16);
        number = part.nodes[number].parent;
    }
    assert_int_equal(number, STACK_ROOT_WHOLE);
}

static void test_damage(void **unused)
{
    (void)unused;
    assert_int_equal(stack_numbers_node(&numbers, &part, segment.layout.nodes_max),
                     STACK_ROOT_TRUNCATED);
    assert_int_equal(stack_numbers_node(&numbers, &part, UINT32_MAX), STACK_ROOT_TRUNCATED);
    /* within the table, and never made */
    assert_int_equal(stack_numbers_node(&numbers, &part, segment.layout.nodes_max - 1),
                     STACK_ROOT_TRUNCATED);
    assert_int_equal(numbers.damaged, 1);
    assert_int_equal(stack_numbers_node(&numbers, &part, segment.layout.nodes_max - 1),
                     STACK_ROOT_TRUNCATED);
    assert_int_equal(numbers.damaged, 1);
    assert_int_equal(part.node_count, STACK_ROOTS);
    assert_false(numbers.failed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_roots), TEST(test_sharing), TEST(test_parts), TEST(test_many), TEST(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
