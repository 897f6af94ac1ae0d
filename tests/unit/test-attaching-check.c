// SPDX-License-Identifier: Apache-2.0
/* Processes that may be attached to, and those for which there is a reason against it. */
#include "src/host/attach/attaching-parts.h"

#include "src/host/attach/inject.h"
#include "src/host/process/stop-parts.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

static struct common {
    _Atomic pid_t ready, inner;
} * common;

static char library[PATH_MAX];

/* ---------------------------------------------------------- the children -- */

/* Another program, since this one may be built with a sanitizer. */
static void plain(void)
{
    execl("/bin/sleep", "sleep", "60", (char *)NULL);
}

static void somebody_elses(void)
{
    if (setgid(NOBODY) == 0 && setuid(NOBODY) == 0)
        plain();
}

static void traced(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    plain();
}

static void *wait_for_ever(void *unused)
{
    atomic_store(&common->inner, gettid());
    for (;;)
        pause();
    return unused;
}

static void with_a_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, wait_for_ever, NULL);
    while (!atomic_load(&common->inner))
        usleep(1000);
    atomic_store(&common->ready, 1);
    for (;;)
        pause();
}

/* This thread alone, or all. */
static void confine(unsigned flags)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    pthread_t thread;

    pthread_create(&thread, NULL, wait_for_ever, NULL);
    while (!atomic_load(&common->inner))
        usleep(1000);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    atomic_store(&common->ready,
                 syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0 ? 1 : -1);
    for (;;)
        pause();
}

static void one_confined(void)
{
    confine(0);
}

static void all_confined(void)
{
    confine(SECCOMP_FILTER_FLAG_TSYNC);
}

static void behind_vfork(void)
{
    if (vfork() == 0) {
        atomic_store(&common->inner, getpid());
        atomic_store(&common->ready, 1);
        syscall(SYS_pause);
        _exit(0);
    }
}

static bool is_sleep(pid_t pid)
{
    char path[32], name[16] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    file = fopen(path, "re");
    if (file) {
        (void)!fgets(name, sizeof(name), file);
        fclose(file);
    }
    return strcmp(name, "sleep\n") == 0;
}

static pid_t child(void (*body)(void))
{
    pid_t pid;

    memset(common, 0, sizeof(*common));
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        _exit(1);
    }
    while (!atomic_load(&common->ready) && !is_sleep(pid))
        usleep(1000);
    return pid;
}

static void end(pid_t pid)
{
    if (atomic_load(&common->inner) && atomic_load(&common->inner) != pid)
        kill(atomic_load(&common->inner), SIGKILL); /* a child by vfork; else one of its threads */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* --------------------------------------------------------------- verdicts -- */

static enum attaching_verdict checked(pid_t pid, struct error *e)
{
    const struct attaching a = {.pid = pid, .library = library};

    memset(e, 0, sizeof(*e));
    return attaching_check(&a, e);
}

static void is(pid_t pid, enum attaching_verdict wanted, const char *words)
{
    struct error e;

    assert_int_equal(checked(pid, &e), wanted);
    if (wanted == ATTACHING_OK)
        return;
    if (!strstr(e.text, words))
        print_error("%s\n", e.text);
    assert_non_null(strstr(e.text, words));
    assert_null(strchr(e.text, '\n'));
}

static void a_plain_program_may_be(void **state)
{
    pid_t pid = child(plain);

    (void)state;
    is(pid, ATTACHING_OK, "");
    end(pid);
}

static void what_is_no_process(void **state)
{
    siginfo_t info;
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    is(pid, ATTACHING_NO_PROCESS, "has ended, though its parent has not noticed");
    waitpid(pid, NULL, 0);
    is(pid, ATTACHING_NO_PROCESS, "there is no process");
    is(0, ATTACHING_NO_PROCESS, "there is no process 0");
    is(-1, ATTACHING_NO_PROCESS, "there is no process -1");
}

static void what_is_none_to_record(void **state)
{
    pid_t pid = child(with_a_thread);
    char path[] = "/proc/2/stat", stat[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    (void)state;
    is(atomic_load(&common->inner), ATTACHING_REFUSED, "is a thread of process");
    end(pid);
    is(getpid(), ATTACHING_REFUSED, "is this memprof itself");
    if (fd >= 0 && read(fd, stat, sizeof(stat) - 1) > 0 && strstr(stat, "(kthreadd)"))
        is(2, ATTACHING_REFUSED, "is a thread of the kernel");
    close(fd);
}

static void another_users(void **state)
{
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    pid = child(somebody_elses);
    is(pid, ATTACHING_NOT_YOURS, "memprof records processes of its own user");
    end(pid);
}

static void what_another_process_traces(void **state)
{
    pid_t pid = fork(), inner;

    (void)state;
    if (pid == 0) { /* the tracer */
        inner = fork();
        if (inner == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            traced();
        }
        waitpid(inner, NULL, 0); /* its stop behind exec */
        ptrace(PTRACE_CONT, inner, NULL, NULL);
        atomic_store(&common->inner, inner);
        for (;;)
            pause();
    }
    while (!(inner = atomic_load(&common->inner)))
        usleep(1000);
    is(inner, ATTACHING_REFUSED, "traced by another process");
    end(pid);
}

static void filters_of_system_calls(void **state)
{
    static const struct {
        void (*body)(void);
        enum confinement how;
    } cases[] = {{with_a_thread, CONFINED_NONE},
                 {one_confined, CONFINED_SOME},
                 {all_confined, CONFINED_ALL}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        pid_t pid = child(cases[i].body);

        if (atomic_load(&common->ready) == 1) {
            assert_int_equal(attaching_confinement(pid), cases[i].how);
            assert_int_equal(attaching_confined(pid), cases[i].how != CONFINED_NONE);
            assert_int_equal(attaching_confined(atomic_load(&common->inner)),
                             cases[i].how == CONFINED_ALL);
            if (cases[i].how != CONFINED_NONE)
                is(pid, ATTACHING_REFUSED, "by a filter of system calls");
        }
        end(pid);
    }
    assert_int_equal(attaching_confinement(-1), CONFINED_NONE);
}

static void what_runs_in_its_parents_memory(void **state)
{
    pid_t pid = child(behind_vfork);

    (void)state;
    is(atomic_load(&common->inner), ATTACHING_REFUSED, "runs in the memory of its parent");
    end(pid);
}

/* ------------------------------------------------------------- the library -- */

static void refused_with(pid_t pid, const char *file, const char *words)
{
    char before[PATH_MAX];

    strcpy(before, library);
    snprintf(library, sizeof(library), "%s", file);
    is(pid, ATTACHING_REFUSED, words);
    strcpy(library, before);
}

static void the_library_is_looked_at_first(void **state)
{
    char file[] = "/tmp/memprof-test-attaching-XXXXXX";
    int to = mkstemp(file), from = open(library, O_RDONLY | O_CLOEXEC);
    pid_t pid = child(plain);
    static char buffer[65536];
    ssize_t got;

    (void)state;
    assert_true(to >= 0 && from >= 0);
    refused_with(pid, "/no/such/library.so", "does not see /no/such/library.so");
    refused_with(pid, file, "is damaged or of another version"); /* empty */
    refused_with(pid, "/bin/sleep", "is damaged or of another version");
    while ((got = read(from, buffer, sizeof(buffer))) > 0)
        assert_int_equal(write(to, buffer, (size_t)got), got);
    for (off_t size = lseek(to, 0, SEEK_END) / 2; size > 0; size /= 4) {
        assert_int_equal(ftruncate(to, size), 0);
        refused_with(pid, file, "is damaged or of another version");
    }
    close(from);
    close(to);
    unlink(file);
    end(pid);
}

static void the_same_file_by_the_same_path_is_seen(void **state)
{
    (void)state;
    assert_true(attaching_sees(getpid(), "/bin/sleep"));
    assert_false(attaching_sees(getpid(), "/no/such/file"));
    assert_false(attaching_sees(-1, "/bin/sleep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_program_may_be),
        cmocka_unit_test(what_is_no_process),
        cmocka_unit_test(what_is_none_to_record),
        cmocka_unit_test(another_users),
        cmocka_unit_test(what_another_process_traces),
        cmocka_unit_test(filters_of_system_calls),
        cmocka_unit_test(what_runs_in_its_parents_memory),
        cmocka_unit_test(the_library_is_looked_at_first),
        cmocka_unit_test(the_same_file_by_the_same_path_is_seen),
    };
    const char *build = getenv("top_builddir");
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/.libs/libmemprof-preload.so", build ? build : ".");
    if (!realpath(path, library) || !inject_possible() ||
        !stop_can_trace(getppid() > 1 ? getpid() : 1))
        return 77;
    common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
