/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_few(void **unused)
{
    struct timeline t;
    struct timeline_sample s = {.time = 100, .live_bytes = 1};

    (void)unused;
    timeline_init(&t, 100, 10);
    timeline_add(&t, &s);
    s.time = 105; /* not due: takes the place of the one before */
    s.live_bytes = 2;
    timeline_add(&t, &s);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.samples[0].live_bytes, 2);
    s.time = 110;
    timeline_add(&t, &s);
    assert_int_equal(t.count, 2);
}

/* However long the run: bounded, sorted, even, complete to the end. */
static void test_many(void **unused)
{
    struct timeline t;

    (void)unused;
    timeline_init(&t, 0, 1);
    for (uint64_t time = 0; time < 1000000; time += 3) {
        struct timeline_sample s = {.time = time, .live_bytes = time * 2};

        timeline_add(&t, &s);
    }
    assert_in_range(t.count, TIMELINE_SAMPLES / 2, TIMELINE_SAMPLES);
    for (uint32_t i = 0; i < t.count; i++) {
        assert_int_equal(t.samples[i].live_bytes, t.samples[i].time * 2);
        if (i)
            assert_in_range(t.samples[i].time - t.samples[i - 1].time, 1, 2 * t.interval + 3);
    }
    assert_int_equal(t.samples[t.count - 1].time, 999999);
    assert_true(t.samples[0].time <= 2 * t.interval);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
