/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/sites.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NODES 9000u
#define THREADS 7u
#define DOMAINS 2u

/* Every combination has one site, and keeps it while all arrays grow. */
static void test_distinct(void **unused)
{
    static uint32_t number[NODES][THREADS][DOMAINS];
    struct sites s;

    (void)unused;
    sites_init(&s);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t n = 0; n < NODES; n++)
            for (uint32_t t = 0; t < THREADS; t++)
                for (uint32_t d = 0; d < DOMAINS; d++) {
                    uint32_t i = sites_get(&s, n * 37, sites_owner(t * 900, d, d));

                    assert_in_range(i, 1, s.count - 1);
                    if (pass)
                        assert_int_equal(i, number[n][t][d]);
                    number[n][t][d] = i;
                    assert_int_equal(s.sites[i].node, n * 37);
                    assert_int_equal(s.sites[i].thread, t * 900);
                    assert_int_equal(s.sites[i].domain, d);
                    assert_int_equal(s.sites[i].class, d);
                }
    assert_int_equal(s.count, 1 + NODES * THREADS * DOMAINS);
    sites_release(&s);
}

/* Cleared sites count nothing, and are found where they were. */
static void test_clear(void **unused)
{
    uint32_t first, other;
    struct sites s;

    (void)unused;
    sites_init(&s);
    first = sites_get(&s, 5, sites_owner(1, 0, 2));
    other = sites_get(&s, 5, sites_owner(1, 0, 3));
    assert_int_not_equal(first, other);
    s.sites[first].total_blocks = s.sites[other].live_bytes = 7;
    s.sites[first].smallest = 1;
    sites_clear(&s);
    assert_int_equal(s.sites[first].total_blocks, 0);
    assert_int_equal(s.sites[other].live_bytes, 0);
    assert_true(s.sites[first].smallest > s.sites[first].largest);
    assert_int_equal(sites_get(&s, 5, sites_owner(1, 0, 2)), first);
    assert_int_equal(sites_get(&s, 5, sites_owner(1, 0, 3)), other);
    sites_release(&s);
}

/* All that an owner can be comes back from it. */
static void test_owner(void **unused)
{
    struct sites s;
    const struct site *site;

    (void)unused;
    sites_init(&s);
    assert_int_equal(
        sites_get(&s, 9,
                  sites_owner(SITES_THREADS_MAX - 1, SITES_DOMAINS_MAX - 1, SITES_CLASSES_MAX - 1)),
        1);
    site = &s.sites[1];
    assert_int_equal(site->thread, SITES_THREADS_MAX - 1);
    assert_int_equal(site->domain, SITES_DOMAINS_MAX - 1);
    assert_int_equal(site->class, SITES_CLASSES_MAX - 1);
    sites_release(&s);
}

static void test_fresh(void **unused)
{
    struct sites s;
    const struct site *site;

    (void)unused;
    sites_init(&s);
    assert_int_equal(sites_get(&s, 0, sites_owner(3, 1, 2)), 1);
    site = &s.sites[1];
    assert_int_equal(site->total_blocks, 0);
    assert_true(site->smallest > site->largest);
    sites_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distinct),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
