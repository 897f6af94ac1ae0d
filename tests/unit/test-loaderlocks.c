// SPDX-License-Identifier: Apache-2.0
/* A child of which a thread holds a lock of the loader's, and another waits for it. */
#include "src/host/attach/loaderlocks.h"

#include "src/host/process/stop-parts.h"
#include "src/shared/clock.h"

#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)

#define SECOND UINT64_C(1000000000)
#define DEPTH 3

static struct common {
    _Atomic pid_t holder, waiter; /* not 0 once they hold and are about to wait */
    _Atomic uint32_t through, stop;
} * common;

static void wait_for_stop(void)
{
    while (!atomic_load(&common->stop))
        usleep(1000);
}

/* A recursive mutex: each level takes it once more. */
static int hold(struct dl_phdr_info *module, size_t size, void *context)
{
    unsigned *depth = context;

    (void)module, (void)size;
    if (++*depth < DEPTH)
        return dl_iterate_phdr(hold, depth);
    atomic_store(&common->holder, gettid());
    wait_for_stop();
    return 1;
}

static int come_through(struct dl_phdr_info *module, size_t size, void *unused)
{
    (void)module, (void)size, (void)unused;
    atomic_store(&common->through, 1);
    return 1;
}

static void *waiter(void *unused)
{
    (void)unused;
    while (!atomic_load(&common->holder))
        usleep(1000);
    atomic_store(&common->waiter, gettid());
    dl_iterate_phdr(come_through, NULL);
    return NULL;
}

static void holder(void)
{
    unsigned depth = 0;

    dl_iterate_phdr(hold, &depth);
}

static void free_of_locks(void)
{
    atomic_store(&common->holder, gettid());
    wait_for_stop();
}

static pid_t child(void (*body)(void))
{
    pthread_t thread;
    pid_t pid;

    memset(common, 0, sizeof(*common));
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pthread_create(&thread, NULL, waiter, NULL) != 0)
            _exit(1);
        body();
        pthread_join(thread, NULL);
        _exit(0);
    }
    while (!atomic_load(&common->waiter))
        usleep(1000);
    usleep(20000);
    return pid;
}

static void ends(pid_t pid)
{
    int status;

    atomic_store(&common->stop, 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Have a thread of the stopped child release what it holds. */
static bool release(const struct remote *r, pid_t pid, pid_t tid)
{
    struct stopped s = {.pid = pid, .began_ns = stop_now_ns()};
    struct inject_call like = {.until_ns = clock_monotonic_ns() + 20 * SECOND};
    bool done;

    assert_int_equal(stop_all_here(&s, NULL), 0);
    like.way_back = inject_way_back(r);
    done = loaderlocks_release(r, tid, &like);
    stop_let_go(&s);
    stop_release(&s);
    return done;
}

static bool comes_through(void)
{
    for (int tries = 0; tries < 20000 && !atomic_load(&common->through); tries++)
        usleep(1000);
    return atomic_load(&common->through);
}

static void a_lock_is_released_however_often_it_was_taken(void **state)
{
    pid_t pid = child(holder);
    struct remote r;

    (void)state;
    assert_int_equal(remote_open(&r, pid, NULL), 0);
    assert_false(atomic_load(&common->through));
    assert_true(release(&r, pid, atomic_load(&common->holder)));
    assert_true(comes_through());
    remote_release(&r);
    ends(pid);
}

/* Nor is that of a thread that only waits for it. */
static void a_lock_of_another_thread_is_left(void **state)
{
    pid_t pid = child(holder);
    struct remote r;

    (void)state;
    assert_int_equal(remote_open(&r, pid, NULL), 0);
    assert_true(release(&r, pid, atomic_load(&common->waiter)));
    usleep(50000);
    assert_false(atomic_load(&common->through));
    remote_release(&r);
    ends(pid);
}

static void a_thread_without_locks_is_left_alone(void **state)
{
    pid_t pid = child(free_of_locks);
    struct remote r;

    (void)state;
    assert_int_equal(remote_open(&r, pid, NULL), 0);
    assert_true(release(&r, pid, atomic_load(&common->holder)));
    assert_true(comes_through());
    remote_release(&r);
    ends(pid);
}

static void what_cannot_be_found_is_said(void **state)
{
    struct remote nothing = {.pid = getpid()}, r;
    struct inject_call like = {0};
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(pause());
    assert_false(loaderlocks_release(&nothing, getpid(), &like));
    assert_int_equal(remote_open(&r, pid, NULL), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(loaderlocks_release(&r, pid, &like)); /* its memory is gone */
    remote_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_is_released_however_often_it_was_taken),
        cmocka_unit_test(a_lock_of_another_thread_is_left),
        cmocka_unit_test(a_thread_without_locks_is_left_alone),
        cmocka_unit_test(what_cannot_be_found_is_said),
    };

    if (!inject_possible() || !stop_can_trace(getppid() > 1 ? getpid() : 1))
        return 77;
    common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* inject_possible() is false there. */
int main(void)
{
    return 77;
}

#endif
