/* SPDX-License-Identifier: Apache-2.0 */
/* The host's answers, and the target's waiting for them. */
#include "src/host/recording/answer.h"

#include "src/shared/ring.h"
#include "tests/unit/segment-maker.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SLOT 3u

static struct segment segment;

static int set_up(void **state)
{
    const struct segment_settings settings = {.clock = CLOCK_MONOTONIC_NS};

    (void)state;
    if (make_segment(&segment, 8, &settings) != 0)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return drop_segment(&segment);
}

static void test_answered(void **unused)
{
    uint64_t answer[2];

    (void)unused;
    answer_query(&segment, SLOT, 1, 100, UINT64_MAX);
    errno = 17;
    assert_int_equal(ring_ask(&segment, SLOT, 1, answer), RING_OK);
    assert_int_equal(errno, 17);
    assert_int_equal(answer[0], 100);
    assert_true(answer[1] == UINT64_MAX);
    answer_query(&segment, segment.layout.slots_max, 1, 0, 0); /* no such slot */
}

/* A later question was answered in its place; sequences may wrap. */
static void test_superseded(void **unused)
{
    uint64_t answer[2];

    (void)unused;
    answer_query(&segment, SLOT, 5, 1, 2);
    assert_int_equal(ring_ask(&segment, SLOT, 4, answer), RING_DROPPED);
    answer_query(&segment, SLOT, 0, 1, 2);
    assert_int_equal(ring_ask(&segment, SLOT, UINT32_MAX, answer), RING_DROPPED);
    assert_int_equal(ring_ask(&segment, SLOT, 0, answer), RING_OK);
}

static void test_host_dead(void **unused)
{
    _Atomic uint32_t *word = &segment_header(&segment)->host_alive;
    uint64_t answer[2];

    (void)unused;
    atomic_store(word, FUTEX_OWNER_DIED);
    assert_int_equal(ring_ask(&segment, SLOT, 1, answer), RING_NO_HOST);
}

#define QUESTIONS 2000u

static void *answer_all(void *unused)
{
    for (uint32_t i = 1; i <= QUESTIONS; i++) {
        while (atomic_load(&segment_header(&segment)->target_state) != i)
            sched_yield();
        answer_query(&segment, SLOT, i, i, UINT64_C(3) * i);
    }
    return unused;
}

/* Each question gets its own answer, whoever is first. */
static void test_waits(void **unused)
{
    uint64_t answer[2];
    pthread_t host;

    (void)unused;
    assert_int_equal(pthread_create(&host, NULL, answer_all, NULL), 0);
    for (uint32_t i = 1; i <= QUESTIONS; i++) {
        atomic_store(&segment_header(&segment)->target_state, i);
        assert_int_equal(ring_ask(&segment, SLOT, i, answer), RING_OK);
        assert_int_equal(answer[0], i);
        assert_int_equal(answer[1], 3 * i);
    }
    pthread_join(host, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_answered),
        TEST(test_superseded),
        TEST(test_host_dead),
        TEST(test_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
