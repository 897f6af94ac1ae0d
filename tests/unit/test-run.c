/* SPDX-License-Identifier: Apache-2.0 */
/* Launching, without a recorder: statuses, signals, and what the child finds. */
#include "src/host/process/launch.h"
#include "src/host/recording/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char shell[] = "sh", dash_c[] = "-c";

static int run_shell(const char *script)
{
    char *arguments[] = {shell, dash_c, (char *)script, NULL};
    struct run_options options = {.program = "/bin/sh", .arguments = arguments};
    struct run_result result;
    struct error e = {0};
    int status;

    assert_int_equal(run_program(&options, &result, &e), 0);
    assert_int_equal(result.image_count, 0);
    assert_true(result.seconds > 0);
    status = result.wait_status;
    run_result_release(&result);
    return status;
}

static void test_statuses(void **unused)
{
    int status = run_shell("exit 7");

    (void)unused;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    status = run_shell("kill -9 $$");
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_cannot_start(void **unused)
{
    char *arguments[] = {shell, NULL};
    struct run_options options = {.program = "/nowhere/nothing", .arguments = arguments};
    struct run_result result;
    struct error e = {0};

    (void)unused;
    assert_int_equal(run_program(&options, &result, &e), -1);
    assert_int_equal(e.saved_errno, ENOENT);
    options.program = "/etc/passwd";
    assert_int_equal(run_program(&options, &result, &e), -1);
    assert_int_equal(e.saved_errno, EACCES);
    options.program = "/bin/sh";
    options.preload = "/with a space/libmemprof-preload.so";
    assert_int_equal(run_program(&options, &result, &e), -1);
    assert_int_equal(e.kind, ERROR_INPUT);
}

/* This process's line of /proc/self/status as an environment variable. */
static void export_status(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];

    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0) {
            line[strcspn(line, "\n")] = '\0';
            setenv(name, line, 1);
        }
    fclose(file);
}

/* The handling of signals is the caller's again, and was the caller's in the child. */
static void test_signals_restored(void **unused)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before, after;
    sigset_t mask_before, mask_after, blocked;

    (void)unused;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    sigaction(SIGINT, NULL, &before);
    sigaction(SIGHUP, &ignored, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    export_status("SigIgn");
    export_status("SigBlk");
    /* Not grep itself: it unblocks signals. */
    assert_int_equal(run_shell("cat /proc/self/status | grep -qx \"$SigIgn\" && "
                               "cat /proc/self/status | grep -qx \"$SigBlk\""),
                     0);
    sigaction(SIGINT, NULL, &after);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    for (int i = 1; i < 65; i++)
        assert_int_equal(sigismember(&mask_before, i), sigismember(&mask_after, i));
    ignored.sa_handler = SIG_DFL;
    sigaction(SIGHUP, &ignored, NULL);
}

static void wait_for(struct launch *l)
{
    struct pollfd p = {.fd = l->signals, .events = POLLIN};

    while (launch_handle(l), !l->ended)
        assert_true(poll(&p, 1, 10000) > 0);
}

/* SIGTERM at memprof is SIGTERM at the program, whatever it makes of it. */
static void test_passed_on(void **unused)
{
    static char script[] = "trap 'exit 5' TERM; kill -TERM $PPID; while :; do sleep 1; done";
    char *arguments[] = {shell, dash_c, script, NULL};
    struct launch_options options = {.program = "/bin/sh", .arguments = arguments};
    struct launch l;

    (void)unused;
    assert_int_equal(launch_start(&l, &options, NULL), 0);
    wait_for(&l);
    assert_true(WIFEXITED(l.wait_status));
    assert_int_equal(WEXITSTATUS(l.wait_status), 5);
    launch_end(&l);
}

/* The two variables, the program's own preloads behind ours, no descriptor of ours. */
static void test_environment(void **unused)
{
    static char script[] =
        "test \"$LD_PRELOAD\" = /nowhere/ours.so:/nowhere/theirs.so && "
        "test \"$MEMPROF_SESSION\" = 0:/nowhere/socket && test \"$KEPT\" = yes && "
        "set -- /proc/$$/fd/* && test $# -le $FDS";
    char *arguments[] = {shell, dash_c, script, NULL};
    struct launch_options options = {.program = "/bin/sh",
                                     .arguments = arguments,
                                     .preload = "/nowhere/ours.so",
                                     .session = "/nowhere/socket"};
    struct launch l;

    (void)unused;
    for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC); /* what the test itself inherited */
    setenv("LD_PRELOAD", "/nowhere/theirs.so", 1);
    setenv("MEMPROF_SESSION", "/from/outside", 1);
    setenv("KEPT", "yes", 1);
    setenv("FDS", "4", 1); /* 0, 1, 2 and the folder that the shell reads */
    assert_int_equal(launch_start(&l, &options, NULL), 0);
    wait_for(&l);
    unsetenv("LD_PRELOAD");
    unsetenv("MEMPROF_SESSION");
    assert_int_equal(l.wait_status, 0);
    launch_end(&l);
}

struct order {
    _Atomic int others; /* processes beside the launched one that were finished */
    int before;         /* of them, before what is done meanwhile */
    int meanwhile;
};

static void count_other(void *context, const struct run_image *image, struct tree_row *row)
{
    struct order *order = context;

    (void)image;
    (void)row;
    usleep(300 * 1000); /* longer than the launched process's end takes */
    order->others++;
}

static void note_before(void *context, const struct run_result *result)
{
    struct order *order = context;

    assert_int_equal(result->image_count, 1);
    order->before = order->others;
    order->meanwhile++;
}

/* The two may use the same things: they are not called at the same time, and in one order. */
static void test_others_first(void **unused)
{
    static char script[] = "/bin/true; /bin/true; exit 0";
    char folder[] = "/tmp/memprof-test-run-XXXXXX", removal[64];
    char preload[4096], *arguments[] = {shell, dash_c, script, NULL};
    struct order order = {0};
    struct run_options options = {.program = "/bin/sh",
                                  .arguments = arguments,
                                  .preload = preload,
                                  .follow = FOLLOW_EXEC,
                                  .directory = folder,
                                  .each = count_other,
                                  .meanwhile = note_before,
                                  .context = &order};
    struct run_result result;
    struct error e = {0};

    (void)unused;
    assert_non_null(mkdtemp(folder));
    snprintf(preload, sizeof(preload), "%s/.libs/libmemprof-preload.so", getenv("top_builddir"));
    assert_int_equal(run_program(&options, &result, &e), 0);
    run_result_release(&result);
    assert_int_equal(order.meanwhile, 1);
    assert_int_equal(order.others, 2);
    assert_int_equal(order.before, 2);
    snprintf(removal, sizeof(removal), "rm -r %s", folder);
    assert_int_equal(system(removal), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),         cmocka_unit_test(test_cannot_start),
        cmocka_unit_test(test_signals_restored), cmocka_unit_test(test_passed_on),
        cmocka_unit_test(test_environment),      cmocka_unit_test(test_others_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
