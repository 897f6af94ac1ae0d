// SPDX-License-Identifier: Apache-2.0
/* Children that stand at various places, and whether these are safe. */
#include "src/host/attach/safepoint.h"

#include "src/host/attach/inject.h"
#include "src/host/process/stop-parts.h"

#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static _Atomic uint32_t *ready;

static _Noreturn int wait_here(const void *a, const void *b)
{
    (void)a, (void)b;
    atomic_store(ready, 1);
    for (;;)
        pause();
}

static void in_a_system_call(void)
{
    wait_here(NULL, NULL);
}

static void running(void)
{
    volatile unsigned n = 0;

    atomic_store(ready, 1);
    for (;;)
        n++;
}

static void handler(int number)
{
    (void)number;
    wait_here(NULL, NULL);
}

static void in_a_handler(void)
{
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
}

static int visit(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    return wait_here(info, NULL);
}

/* With the loader's lock. */
static void under_the_loader(void)
{
    dl_iterate_phdr(visit, NULL);
}

/* In an exit handler. */
static void at_exit(void)
{
    wait_here(NULL, NULL);
}

static void ending(void)
{
    atexit(at_exit);
    exit(0);
}

static bool is_safe(void (*body)(void))
{
    pid_t pid = fork();
    struct user_regs_struct registers;
    struct safepoint point;
    struct remote remote;
    struct stopped s;
    bool safe;

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        _exit(1);
    }
    while (!atomic_load(ready))
        usleep(1000);
    usleep(20000);
    atomic_store(ready, 0);
    assert_int_equal(remote_open(&remote, pid, NULL), 0);
    assert_int_equal(safepoint_open(&point, &remote, "/no/library", NULL), 0);
    s = (struct stopped){.pid = pid, .began_ns = stop_now_ns()};
    assert_int_equal(stop_all_here(&s, NULL), 0);
    assert_true(inject_registers(pid, &registers));
    safe = safepoint_at(&point, pid, &registers);
    stop_let_go(&s);
    stop_release(&s);
    safepoint_release(&point);
    remote_release(&remote);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return safe;
}

static void places_are_told_apart(void **state)
{
    (void)state;
    assert_true(is_safe(in_a_system_call));
    assert_true(is_safe(running));
    assert_false(is_safe(in_a_handler));
    assert_false(is_safe(under_the_loader));
    assert_false(is_safe(ending));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places_are_told_apart)};

    if (!inject_possible())
        return 77;
    ready = mmap(NULL, sizeof(*ready), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
