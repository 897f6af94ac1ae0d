/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/profile/profilename.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *wanted, const char *output, const char *program, uint32_t earlier)
{
    struct strbuf path;

    strbuf_init(&path);
    profile_name_add(&path, output, program, 42, earlier);
    assert_string_equal(strbuf_text(&path), wanted);
    strbuf_release(&path);
}

static void test_names(void **unused)
{
    char program[201] = "", wanted[256];

    (void)unused;
    expect("sort.42.mprof", NULL, "sort", 0);
    expect("sort.42.1.mprof", NULL, "sort", 1);
    expect("program.42.mprof", NULL, "", 0);
    memset(program, 'n', 200);
    snprintf(wanted, sizeof(wanted), "%.160s.42.mprof", program);
    expect(wanted, NULL, program, 0);
    for (size_t i = 1; i < 199; i += 2)
        memcpy(program + i, "\xc3\xbc", 2); /* characters are not cut in two */
    snprintf(wanted, sizeof(wanted), "%.159s.42.mprof", program);
    expect(wanted, NULL, program, 0);
    memset(program, '\xbc', 200); /* no characters at all */
    snprintf(wanted, sizeof(wanted), "%.160s.42.mprof", program);
    expect(wanted, NULL, program, 0);
    expect("out.mprof", "out.mprof", "sort", 0);
    expect("/a.mprof/out.12.mprof", "/a.mprof/out.mprof", "sort", 12);
    expect("out.3", "out", "sort", 3);
    expect(".mprof.1", ".mprof", "sort", 1);
}

static void test_wanted(void **unused)
{
    (void)unused;
    assert_true(profile_name_wanted(NULL));
    assert_true(profile_name_wanted("x"));
    assert_false(profile_name_wanted("/dev/null"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
