/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/stragglers.h"

#include "src/host/process/procinfo.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOCKET "/nowhere/test-stragglers.socket"

static bool is_known(void *context, pid_t pid)
{
    const pid_t *known = context;

    return pid == *known;
}

static size_t find(const char *session, const ino_t *segment, pid_t known, pid_t *found)
{
    const struct stragglers_search search = {.session = session,
                                             .segments = segment,
                                             .segment_count = segment ? 1 : 0,
                                             .known = is_known,
                                             .context = &known};

    return stragglers_find(&search, found, 1);
}

/* A process that waits to be killed, once it has said that it is there. */
static pid_t start(char *const *environment)
{
    char *arguments[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                         (char *)(uintptr_t) "echo; read x", NULL};
    int said[2], never[2];
    char line;
    pid_t pid;

    assert_int_equal(pipe(said), 0);
    assert_int_equal(pipe(never), 0);
    pid = fork();
    if (pid == 0 && environment) {
        dup2(never[0], 0);
        dup2(said[1], 1);
        execve("/bin/sh", arguments, environment);
        _exit(1);
    }
    if (pid == 0) {
        (void)!write(said[1], "\n", 1);
        (void)!read(never[0], &line, 1);
        pause();
    }
    assert_int_equal(read(said[0], &line, 1), 1);
    close(said[0]);
    close(said[1]);
    close(never[0]);
    return pid;
}

static void stop(pid_t pid)
{
    uint64_t began = procinfo_start_ticks(pid);
    siginfo_t info;
    int status = -1;

    assert_false(procinfo_ended(pid, began, &status));
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_true(procinfo_ended(pid, began, &status));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_false(procinfo_ended(pid, began + 1, &status));
    waitpid(pid, NULL, 0);
    assert_false(procinfo_ended(pid, began, &status));
}

static void test_mapped(void **unused)
{
    int fd = memfd_create("memprof", MFD_CLOEXEC);
    struct stat status;
    void *memory;
    pid_t pid, found = 0;

    (void)unused;
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(find(SOCKET, &status.st_ino, 0, &found), 0);
    memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    pid = start(NULL);
    munmap(memory, 4096);
    assert_int_equal(find(SOCKET, &status.st_ino, 0, &found), 1);
    assert_int_equal(found, pid);
    assert_int_equal(find(SOCKET, &status.st_ino, pid, &found), 0);
    stop(pid);
    close(fd);
}

static void test_environment(void **unused)
{
    char session[] = "MEMPROF_SESSION=12:" SOCKET;
    char *environment[] = {session, NULL};
    pid_t pid = start(environment), found = 0;

    (void)unused;
    assert_int_equal(find(SOCKET, NULL, 0, &found), 1);
    assert_int_equal(found, pid);
    assert_int_equal(find(SOCKET "2", NULL, 0, &found), 0);
    stop(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
