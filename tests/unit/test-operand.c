// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/operand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

static void assert_parsed(const char *text, const char *path, const char *moment)
{
    struct operand operand;
    struct error e;

    if (operand_parse(&operand, text, &e) != 0)
        fail_msg("%s: %s", text, e.text);
    assert_string_equal(operand.path, path);
    if (moment)
        assert_string_equal(operand.moment, moment);
    else
        assert_null(operand.moment);
    operand_release(&operand);
}

static void the_last_at_separates(void **state)
{
    (void)state;
    assert_parsed("no/such.mprof", "no/such.mprof", NULL);
    assert_parsed("no/such.mprof@3", "no/such.mprof", "3");
    assert_parsed("no/such@home.mprof@peak", "no/such@home.mprof", "peak");
}

static void a_file_that_exists_is_a_file(void **state)
{
    char folder[] = "/tmp/memprof-operand-XXXXXX", path[64], with_moment[80];
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a@1", folder);
    snprintf(with_moment, sizeof with_moment, "%s@loaded", path);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_parsed(path, path, NULL);
    assert_parsed(with_moment, path, "loaded");
    unlink(path);
    rmdir(folder);
}

static void halves_are_refused(void **state)
{
    static const char *const cases[] = {"@3", "no/such@", "@"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct operand operand;
        struct error e;

        assert_int_equal(operand_parse(&operand, cases[i], &e), -1);
        assert_int_equal(e.kind, ERROR_INPUT);
        operand_release(&operand);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_at_separates),
        cmocka_unit_test(a_file_that_exists_is_a_file),
        cmocka_unit_test(halves_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
