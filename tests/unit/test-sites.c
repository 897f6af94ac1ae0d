/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/sites.h"

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
                    uint32_t i = sites_get(&s, n * 37, t, d);

                    assert_in_range(i, 1, s.count - 1);
                    if (pass)
                        assert_int_equal(i, number[n][t][d]);
                    number[n][t][d] = i;
                    assert_int_equal(s.sites[i].node, n * 37);
                    assert_int_equal(s.sites[i].thread, t);
                    assert_int_equal(s.sites[i].domain, d);
                }
    assert_int_equal(s.count, 1 + NODES * THREADS * DOMAINS);
    sites_release(&s);
}

static void test_fresh(void **unused)
{
    struct sites s;
    const struct site *site;

    (void)unused;
    sites_init(&s);
    assert_int_equal(sites_get(&s, 0, 3, 1), 1);
    site = &s.sites[1];
    assert_int_equal(site->total_blocks, 0);
    assert_true(site->smallest > site->largest);
    sites_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distinct),
        cmocka_unit_test(test_fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
