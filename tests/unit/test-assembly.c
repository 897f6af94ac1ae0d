// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/assembly.h"

#include "src/shared/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void keys_are_numbered(void **state)
{
    struct intern t;
    bool added;

    (void)state;
    intern_init(&t);
    assert_int_equal(intern_find(&t, (struct intern_key){1, 2, 3}), INTERN_NONE);
    for (uint32_t i = 0; i < 100000; i++) {
        assert_int_equal(intern_add(&t, (struct intern_key){i % 7, i, i % 3}, &added), i);
        assert_true(added);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        assert_int_equal(intern_add(&t, (struct intern_key){i % 7, i, i % 3}, &added), i);
        assert_false(added);
    }
    assert_int_equal(intern_find(&t, (struct intern_key){0, 7, 1}), 7);
    assert_int_equal(intern_find(&t, (struct intern_key){1, 7, 1}), INTERN_NONE);
    assert_int_equal(intern_find(&t, (struct intern_key){0, 7, 2}), INTERN_NONE);
    intern_release(&t);
}

static void a_stack_added_twice_is_there_once(void **state)
{
    struct profile p;
    struct assembly a;
    uint32_t nodes[2][1000];

    (void)state;
    profile_init(&p);
    assembly_init(&a, &p);
    assert_int_equal(p.node_count, STACK_ROOTS);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 1000; i++) /* each node has several below it, or none */
            nodes[round][i] =
                assembly_node(&a, i < 10 ? STACK_ROOT_WHOLE : nodes[round][i % 10 + i / 500], i);
    assert_false(a.failed);
    assert_int_equal(p.node_count, STACK_ROOTS + 1000);
    assert_memory_equal(nodes[0], nodes[1], sizeof nodes[0]);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(p.nodes[nodes[0][i]].frame, i);
        assert_int_equal(p.nodes[nodes[0][i]].parent,
                         i < 10 ? STACK_ROOT_WHOLE : nodes[0][i % 10 + i / 500]);
        assert_true(p.nodes[nodes[0][i]].parent < nodes[0][i]);
    }
    assert_int_not_equal(assembly_node(&a, STACK_ROOT_TRUNCATED, 0),
                         assembly_node(&a, STACK_ROOT_WHOLE, 0));
    assembly_release(&a);
    profile_release(&p);
}

static void rows_keep_what_they_were_given(void **state)
{
    struct profile p;
    struct assembly a;

    (void)state;
    profile_init(&p);
    assembly_init(&a, &p);
    for (uint32_t i = 0; i < 300; i++) {
        struct profile_line line = {.line = i, .function = assembly_text(&a, "f")};
        struct profile_site site = {.node = i};

        assert_int_equal(assembly_line(&a, &line), i);
        assert_int_equal(assembly_site(&a, &site), i);
    }
    assert_int_equal(p.line_count, 300);
    assert_int_equal(p.lines[299].line, 299);
    assert_int_equal(p.sites[150].node, 150);
    assert_string_equal(profile_text(&p, p.lines[0].function), "f");
    assert_int_equal(p.lines[0].function, p.lines[299].function);
    assembly_release(&a);
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_numbered),
        cmocka_unit_test(a_stack_added_twice_is_there_once),
        cmocka_unit_test(rows_keep_what_they_were_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
