/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/alive.h"

#include "src/shared/ring.h"
#include "src/shared/segment.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES 16384u
#define SEGMENTS 5u

struct held {
    int fd;
    void *base;       /* as the holder maps it */
    struct segment s; /* as the program does */
};

static void make(struct held *h)
{
    h->fd = memfd_create("alive", MFD_CLOEXEC);
    assert_true(h->fd >= 0);
    assert_int_equal(ftruncate(h->fd, BYTES), 0);
    h->base = alive_map(h->fd, BYTES);
    assert_ptr_not_equal(h->base, MAP_FAILED);
    h->s.base = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, h->fd, 0);
    assert_ptr_not_equal(h->s.base, MAP_FAILED);
}

static void release(struct held *h)
{
    alive_unmap(h->base, BYTES);
    munmap(h->s.base, BYTES);
    close(h->fd);
}

/* What the holder does to some of them before it is killed. */
static void hold_and_die(struct held *h)
{
    for (unsigned i = 0; i < SEGMENTS; i++)
        if (alive_hold(h[i].base) != 0)
            _exit(1);
    alive_unmap(h[1].base, BYTES);
    /* as a program may that wants the links for its own ends */
    memset((char *)h[2].s.base + 4096, 0x55, BYTES - 4096);
    for (unsigned i = 0; i < SEGMENTS; i++)
        if (ring_host_dead(&h[i].s))
            _exit(2);
    raise(SIGKILL);
}

static void whoever_is_killed_is_seen_dead_in_all_its_segments(void **state)
{
    struct held h[SEGMENTS];
    int status = 0;
    pid_t child;

    (void)state;
    for (unsigned i = 0; i < SEGMENTS; i++)
        make(&h[i]);
    child = fork();
    if (child == 0)
        hold_and_die(h);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    for (unsigned i = 0; i < SEGMENTS; i++) {
        assert_int_equal(ring_host_dead(&h[i].s), i != 1);
        release(&h[i]);
    }
}

static void *hold(void *h)
{
    return alive_hold(((struct held *)h)->base) == 0 ? h : NULL;
}

static void a_thread_that_ends_is_seen_dead(void **state)
{
    struct held h;
    pthread_t t;
    void *result;

    (void)state;
    make(&h);
    assert_int_equal(pthread_create(&t, NULL, hold, &h), 0);
    assert_int_equal(pthread_join(t, &result), 0);
    assert_ptr_equal(result, &h);
    assert_true(ring_host_dead(&h.s));
    release(&h);
}

static void garbage_over_the_segment_does_no_harm(void **state)
{
    struct held h[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        make(&h[i]);
        assert_int_equal(alive_hold(h[i].base), 0);
        memset(h[i].s.base, 0xa5, BYTES);
    }
    release(&h[0]);
    release(&h[1]);
}

static void what_cannot_be_mapped_leaves_nothing(void **state)
{
    (void)state;
    assert_ptr_equal(alive_map(-1, BYTES), MAP_FAILED);
    assert_ptr_equal(alive_map(-1, UINT64_C(1) << 60), MAP_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_killed_is_seen_dead_in_all_its_segments),
        cmocka_unit_test(a_thread_that_ends_is_seen_dead),
        cmocka_unit_test(garbage_over_the_segment_does_no_harm),
        cmocka_unit_test(what_cannot_be_mapped_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
