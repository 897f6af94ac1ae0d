/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/domains.h"

#include "src/shared/record.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 16u
#define NAMES (RECORD_DOMAINS_END - RECORD_DOMAINS_FIRST)

static pthread_barrier_t barrier;
static int numbers[THREADS][NAMES];

static int number_of(uint32_t i)
{
    char name[32];

    return domain_number(name, (size_t)snprintf(name, sizeof(name), "pool %u", i));
}

static void *ask(void *argument)
{
    int *mine = argument;

    for (uint32_t i = 0; i < NAMES; i++) {
        pthread_barrier_wait(&barrier);
        mine[i] = number_of(i);
    }
    return NULL;
}

/* Whoever asks first: all are told the same number, and no number is wasted. */
static void test_race(void **unused)
{
    pthread_t threads[THREADS];

    (void)unused;
    assert_false(domain_exists((int)RECORD_DOMAINS_FIRST));
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, numbers[i]), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < NAMES; i++)
        for (uint32_t t = 0; t < THREADS; t++)
            assert_int_equal(numbers[t][i], (int)(RECORD_DOMAINS_FIRST + i));
    pthread_barrier_destroy(&barrier);
}

/* After the last number; those that exist go on to be found. */
static void test_full(void **unused)
{
    (void)unused;
    for (uint32_t i = NAMES; i < 10000; i++)
        assert_int_equal(number_of(i), -1);
    assert_int_equal(number_of(5), (int)RECORD_DOMAINS_FIRST + 5);
    assert_int_equal(domain_number("pool 5", 5), -1);
    assert_true(domain_exists((int)RECORD_DOMAINS_END - 1));
    assert_false(domain_exists((int)RECORD_DOMAINS_END));
    assert_false(domain_exists((int)RECORD_DOMAINS_FIRST - 1));
    assert_false(domain_exists(-1));
}

static void test_told(void **unused)
{
    (void)unused;
    assert_false(domain_told((int)RECORD_DOMAINS_FIRST + 1));
    domain_note_told((int)RECORD_DOMAINS_FIRST + 1);
    assert_true(domain_told((int)RECORD_DOMAINS_FIRST + 1));
    assert_false(domain_told((int)RECORD_DOMAINS_FIRST + 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
