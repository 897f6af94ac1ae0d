// SPDX-License-Identifier: Apache-2.0
#include "src/host/process/pidfd.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool kernel_tells(void)
{
    unsigned major = 0, minor = 0;
    struct utsname name;

    assert_int_equal(uname(&name), 0);
    assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
    return major > 6 || (major == 6 && minor >= 15);
}

/* A child that exits with 7, or that is killed by `kill_by`: what waitpid says is what is told. */
static void check(int kill_by)
{
    int given = -1, told = -1, pidfd;
    struct pollfd ended = {.events = POLLIN};
    pid_t pid = fork();

    if (pid == 0) {
        if (!kill_by)
            _exit(7);
        for (;;)
            pause();
    }
    assert_true(pid > 0);
    pidfd = ended.fd = pidfd_open_process(pid);
    assert_true(pidfd >= 0);
    if (kill_by)
        assert_int_equal(kill(pid, kill_by), 0);
    assert_int_equal(poll(&ended, 1, -1), 1);
    assert_false(pidfd_exit_status(pidfd, &told)); /* nobody has waited for it */
    assert_int_equal(waitpid(pid, &given, 0), pid);
    if (kernel_tells()) {
        assert_true(pidfd_exit_status(pidfd, &told));
        assert_int_equal(told, given);
    } else {
        assert_false(pidfd_exit_status(pidfd, &told));
    }
    close(pidfd);
}

static void test_exited(void **unused)
{
    (void)unused;
    check(0);
}

static void test_killed(void **unused)
{
    (void)unused;
    check(SIGKILL);
    check(SIGTERM);
}

static void test_none(void **unused)
{
    int status;

    (void)unused;
    assert_int_equal(pidfd_open_process(0x7ffffffe), -1);
    assert_false(pidfd_exit_status(-1, &status));
    assert_false(pidfd_exit_status(STDERR_FILENO, &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exited),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
