// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakgraph.h"
#include "src/host/graph/rootrank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void variables_by_module(void **state)
{
    static const char *const own[] = {"/usr/bin/app", "/lib/libcurl.so.4", "/opt/ld",
                                      "libcrypto.so", "/home/libc/app",    ""};
    static const char *const system[] = {"/lib/x86_64-linux-gnu/libc.so.6", "libc-2.31.so",
                                         "/lib64/ld-linux-x86-64.so.2", "ld-2.31.so"};

    (void)state;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_int_equal(root_rank(ROOT_GLOBAL, own[i]), 0);
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        assert_int_equal(root_rank(ROOT_GLOBAL, system[i]), ROOT_RANKS - 1);
}

static void every_kind_has_a_rank(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < ROOT_KINDS; kind++)
        assert_in_range(root_rank(kind, ""), 0, ROOT_RANKS - 1);
    assert_int_equal(root_rank(UINT32_MAX, ""), 2);
    assert_true(root_rank(ROOT_STACK, "") < root_rank(ROOT_REGISTER, "rax"));
    assert_true(root_rank(ROOT_STACK, "") < root_rank(ROOT_DESCRIPTOR, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_by_module),
        cmocka_unit_test(every_kind_has_a_rank),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
