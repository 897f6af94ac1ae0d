// SPDX-License-Identifier: Apache-2.0
/* What /proc tells of this process and of others. */
#include "src/host/process/procinfo.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void numbers_of_the_status(void **state)
{
    (void)state;
    assert_int_equal(procinfo_status(getpid(), "Tgid", 10), getpid());
    assert_int_equal(procinfo_status(getpid(), "PPid", 10), getppid());
    assert_int_equal(procinfo_status(getpid(), "Uid", 10), getuid());
    assert_int_equal(procinfo_status(getpid(), "Tg", 10), 0);
    assert_int_equal(procinfo_status(getpid(), "NoSuchName", 10), 0);
}

static void masks_of_signals_are_hexadecimal(void **state)
{
    uint64_t bit = UINT64_C(1) << (SIGUSR2 - 1);

    (void)state;
    signal(SIGUSR2, SIG_IGN);
    assert_int_equal(procinfo_status(getpid(), "SigIgn", 16) & bit, bit);
    signal(SIGUSR2, SIG_DFL);
    assert_int_equal(procinfo_status(getpid(), "SigIgn", 16) & bit, 0);
}

static void what_has_ended_says_nothing(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(procinfo_status(pid, "Tgid", 10), 0);
    assert_int_equal(procinfo_start_ticks(pid), 0);
    assert_false(procinfo_is_kernel_thread(pid));
}

static void threads_of_the_kernel(void **state)
{
    char name[32];

    (void)state;
    assert_false(procinfo_is_kernel_thread(getpid()));
    procinfo_thread_name(2, 2, name, sizeof(name));
    if (strcmp(name, "kthreadd") == 0) /* else this is another PID namespace */
        assert_true(procinfo_is_kernel_thread(2));
}

static void named(const char *first, const char *name)
{
    char buffer[64];

    procinfo_name(buffer, sizeof(buffer), first, "/usr/sbin/server");
    assert_string_equal(buffer, name);
}

static void what_a_process_is_called(void **unused)
{
    char small[4];

    (void)unused;
    named("/bin/sh", "sh");
    named("-bash", "-bash");
    named("", "server");
    named("here/", "server");
    named("/srv/a: b/run", "run");
    named("sshd: [accepted]", "sshd: [accepted]");
    named("nginx: master process /usr/sbin/nginx -c /etc/n.conf", "nginx: master process");
    named("sshd: /usr/sbin/sshd -D [listener] 0 of 10", "sshd");
    named("sshd: root@pts/0", "sshd");
    named(": /", "server");
    procinfo_name(small, sizeof(small), "server", "");
    assert_string_equal(small, "ser");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_the_status),
        cmocka_unit_test(masks_of_signals_are_hexadecimal),
        cmocka_unit_test(what_has_ended_says_nothing),
        cmocka_unit_test(threads_of_the_kernel),
        cmocka_unit_test(what_a_process_is_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
