// SPDX-License-Identifier: Apache-2.0
/* The names of this process's own threads, of which the recorder knows one. */
#include "src/host/search/threadnames.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define IDLE 3u

static pthread_barrier_t barrier;
static pid_t tids[IDLE];

static void *idle(void *number)
{
    size_t i = (size_t)number;
    char name[] = "idle-0";

    name[5] = (char)('0' + i);
    pthread_setname_np(pthread_self(), name);
    tids[i] = (pid_t)syscall(SYS_gettid);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void threads_that_are_not_known_are_asked_for(void **state)
{
    struct stopped_thread rows[IDLE + 2] = {{.tid = getpid()}};
    struct stopped stopped = {.pid = getpid(), .threads = rows, .count = IDLE + 2};
    struct threads known;
    struct threadnames names;
    pthread_t threads[IDLE];

    (void)state;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, IDLE + 1), 0);
    for (size_t i = 0; i < IDLE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, idle, (void *)i), 0);
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < IDLE; i++)
        rows[i + 1].tid = tids[i];
    rows[IDLE + 1].tid = 1 << 30; /* there is none: it is gone */
    threads_init(&known);
    threads_add(&known, (uint32_t)tids[1], "as recorded");
    threads_add(&known, (uint32_t)tids[2], "");
    threadnames_take(&names, &stopped, &known);
    assert_string_equal(threadnames_find(&names, (uint32_t)tids[0]), "idle-0");
    assert_string_equal(threadnames_find(&names, (uint32_t)tids[1]), ""); /* is known */
    assert_string_equal(threadnames_find(&names, (uint32_t)tids[2]), "idle-2");
    assert_string_equal(threadnames_find(&names, 1u << 30), "");
    assert_int_equal(names.count, IDLE + 1);
    threadnames_release(&names);
    assert_string_equal(threadnames_find(&names, (uint32_t)tids[0]), "");
    threads_release(&known);
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < IDLE; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_are_not_known_are_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
