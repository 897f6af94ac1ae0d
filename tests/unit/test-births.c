/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Births of blocks counted in moments, beyond what 16 bits hold, against counting by hand.
 */
#include "src/host/model/births.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static bool is_snapshot(uint32_t moment)
{
    return moment % 3 == 1;
}

static void take(struct births *b, uint32_t moment, uint32_t *halvings)
{
    bool halve;

    assert_true(births_moment(b, is_snapshot(moment), &halve));
    *halvings += halve;
}

static void test_exact(void **unused)
{
    struct births b;
    uint32_t halvings = 0;
    uint16_t before, between;

    (void)unused;
    births_init(&b);
    before = births_now(&b);
    assert_int_equal(births_age(&b, before), 0);
    assert_int_equal(births_survived(&b, before), 0);
    take(&b, 0, &halvings);
    between = births_now(&b);
    take(&b, 1, &halvings); /* a snapshot */
    take(&b, 2, &halvings);
    assert_int_equal(births_age(&b, before), 3);
    assert_int_equal(births_survived(&b, before), 1);
    assert_int_equal(births_age(&b, between), 2);
    assert_int_equal(births_survived(&b, between), 1);
    assert_int_equal(births_age(&b, births_now(&b)), 0);
    assert_int_equal(births_survived(&b, births_now(&b)), 0);
    assert_int_equal(halvings, 0);
    births_release(&b);
}

/* A block of each of the first moments, born again each time that births are halved. */
#define BLOCKS 1000u
static void test_lower_bounds(void **unused)
{
    struct births b;
    uint32_t halvings = 0, moments = 200000, snapshots = 0;
    uint32_t births[BLOCKS], survived[BLOCKS];

    (void)unused;
    births_init(&b);
    for (uint32_t m = 0; m < moments; m++) {
        uint32_t before = halvings;

        if (m % (moments / BLOCKS) == 0) {
            births[m / (moments / BLOCKS)] = births_now(&b);
            survived[m / (moments / BLOCKS)] = snapshots;
        }
        take(&b, m, &halvings);
        snapshots += is_snapshot(m);
        for (uint32_t i = 0; halvings != before && i <= m / (moments / BLOCKS); i++)
            births[i] /= 2;
    }
    assert_int_equal(halvings, 2);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint32_t age = moments - i * (moments / BLOCKS), told = births_age(&b, (uint16_t)births[i]);

        assert_true(told <= age && age - told <= 3);
        age = snapshots - survived[i];
        told = births_survived(&b, (uint16_t)births[i]);
        assert_true(told <= age && age - told <= 2);
    }
    births_release(&b);
}

static void test_copy(void **unused)
{
    struct births b, copy;
    uint32_t halvings = 0;

    (void)unused;
    births_init(&b);
    assert_int_equal(births_copy(&copy, &b), 0);
    assert_int_equal(births_age(&copy, 0), 0);
    births_release(&copy);
    for (uint32_t m = 0; m < 10; m++)
        take(&b, m, &halvings);
    assert_int_equal(births_copy(&copy, &b), 0);
    take(&b, 10, &halvings);
    assert_int_equal(births_age(&copy, 4), 6);
    assert_int_equal(births_age(&b, 4), 7);
    assert_int_equal(births_survived(&copy, 4), 2);
    births_release(&b);
    births_release(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_lower_bounds),
        cmocka_unit_test(test_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
