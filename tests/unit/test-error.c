// SPDX-License-Identifier: Apache-2.0
#include "src/host/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void formats_and_returns_minus_one(void **state)
{
    struct error e;

    (void)state;
    errno = EPERM;
    assert_int_equal(error_set(&e, ERROR_FORMAT, "%s: bad count %d", "a.mprof", 7), -1);
    assert_string_equal(e.text, "a.mprof: bad count 7");
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_int_equal(e.saved_errno, 0);
    assert_int_equal(errno, EPERM);
}

static void system_errors_carry_their_reason(void **state)
{
    struct error e;

    (void)state;
    errno = ENOENT;
    assert_int_equal(error_set(&e, ERROR_SYSTEM, "open %s", "x"), -1);
    assert_string_equal(e.text, "open x: No such file or directory");
    assert_int_equal(e.saved_errno, ENOENT);
    assert_int_equal(errno, ENOENT);
}

static void nobody_listening_is_fine(void **state)
{
    (void)state;
    errno = EIO;
    assert_int_equal(error_set(NULL, ERROR_SYSTEM, "lost"), -1);
    assert_int_equal(errno, EIO);
}

static void control_characters_are_masked(void **state)
{
    struct error e;

    (void)state;
    error_set(&e, ERROR_INPUT, "%s", "a\nb\033[31mc\177\t\xc3\xa9");
    assert_string_equal(e.text, "a?b?[31mc??\xc3\xa9");
}

static void long_texts_are_cut_and_terminated(void **state)
{
    struct error e;
    char name[4096];

    (void)state;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    errno = EACCES;
    error_set(&e, ERROR_SYSTEM, "%s", name);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_int_equal(e.saved_errno, EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_returns_minus_one),
        cmocka_unit_test(system_errors_carry_their_reason),
        cmocka_unit_test(nobody_listening_is_fine),
        cmocka_unit_test(control_characters_are_masked),
        cmocka_unit_test(long_texts_are_cut_and_terminated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
