/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/text/signalname.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_numbers(void **unused)
{
    (void)unused;
    assert_int_equal(signal_number("USR2"), SIGUSR2);
    assert_int_equal(signal_number("SIGUSR2"), SIGUSR2);
    assert_int_equal(signal_number("sigusr1"), SIGUSR1);
    assert_int_equal(signal_number("12"), 12);
    assert_int_equal(signal_number("RTMIN"), SIGRTMIN);
    assert_int_equal(signal_number("SIGRTMIN+3"), SIGRTMIN + 3);
    assert_int_equal(signal_number("KILL"), SIGKILL);
    assert_int_equal(signal_number(""), 0);
    assert_int_equal(signal_number("SIG"), 0);
    assert_int_equal(signal_number("USR"), 0);
    assert_int_equal(signal_number("0"), 0);
    assert_int_equal(signal_number("-1"), 0);
    assert_int_equal(signal_number("99999999999"), 0);
    assert_int_equal(signal_number("RTMIN+"), 0);
    assert_int_equal(signal_number("RTMIN-1"), 0);
    assert_int_equal(signal_number("RTMIN+999"), 0);
}

/* Every name is that of the signal it came from. */
static void test_names(void **unused)
{
    int named = 0;

    (void)unused;
    for (int i = -1; i < 200; i++)
        if (signal_name(i)) {
            assert_int_equal(signal_number(signal_name(i)), i);
            named++;
        }
    assert_int_equal(named, 31);
}

static void test_which_are_free(void **unused)
{
    static const int taken[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,  SIGCHLD, SIGTERM,
                                SIGINT,  SIGHUP,  SIGCONT, SIGTSTP, SIGABRT, SIGTRAP};

    (void)unused;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        assert_false(signal_is_free(taken[i]));
    assert_true(signal_is_free(SIGUSR1));
    assert_true(signal_is_free(SIGUSR2));
    assert_true(signal_is_free(SIGRTMIN));
    assert_false(signal_is_free(SIGRTMIN - 1)); /* the C library's own */
    assert_false(signal_is_free(0));
    assert_false(signal_is_free(SIGRTMAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_which_are_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
