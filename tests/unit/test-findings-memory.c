// SPDX-License-Identifier: Apache-2.0
/*
 * Courses and findings while memory runs out: each allocation fails in its turn, and
 * all from it on.  What fails says so, and nothing is lost, which the sanitizers' build
 * sees.
 */
#include "src/host/findings/findings.h"
#include "src/host/graph/leakkind.h"
#include "src/host/view/courses.h"
#include "tests/unit/failing-memory.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define POINTS 12

static void make(struct profile *p, struct profile_leak *leak)
{
    struct profile_change more = make_change(0, 100, 1000);
    uint32_t module;

    make_profile(p);
    module = make_module(p, "/bin/app", 0);
    make_thread(p, 4242, "app");
    make_site(p, make_node(p, 0, make_frame(p, module, "culprit", "/s/app.c", 10, 0)), 0,
              100 * POINTS, 1000);
    make_site(p, make_node(p, 0, make_frame(p, module, "other", "/s/app.c", 20, 0)), 0, 100000, 9);
    more.stats.smallest = more.stats.largest = 0;
    for (int i = 0; i < POINTS; i++)
        make_snapshot(p, i, "", &more, 1);
    p->totals.peak_bytes = 100000 * 9 + 1000 * 100 * POINTS;
    p->search = (struct profile_search){.number = 1, .method = SEARCH_PTRACE};
    *leak =
        (struct profile_leak){.site = 1, .kind = LEAK_DEFINITE, .blocks = 100000, .bytes = 900000};
    p->leaks = leak;
    p->leak_count = 1;
}

static void starved_findings_say_so(void **state)
{
    struct profile_leak leak;
    struct findings found;
    struct profile p;
    uint64_t n = 0;

    (void)state;
    make(&p, &leak);
    for (int result = -1; result != 0; n++) {
        struct error e = {0};

        memory_fail_after(n);
        result = findings_make(&found, &p, NULL, NULL, NULL, &e);
        memory_suffices();
        assert_int_equal(e.kind, result == 0 ? ERROR_NONE : ERROR_MEMORY);
        assert_true(n < 10000);
        if (result != 0)
            assert_int_equal(found.count, 0);
    }
    assert_true(n > 20);
    assert_int_equal(found.count, 3); /* it grows, is lost, and is wasted */
    findings_release(&found);
    p.leaks = NULL;
    p.leak_count = 0;
    profile_release(&p);
}

static void starved_courses_say_so(void **state)
{
    const struct view_options options = {0};
    struct profile_leak leak;
    struct courses courses;
    struct profile p;
    uint64_t n = 0;

    (void)state;
    make(&p, &leak);
    for (int result = -1; result != 0; n++) {
        struct error e = {0};

        memory_fail_after(n);
        result = courses_find(&courses, &p, &options, &e);
        memory_suffices();
        assert_int_equal(e.kind, result == 0 ? ERROR_NONE : ERROR_MEMORY);
        assert_true(n < 10000);
    }
    assert_true(n > 10);
    assert_int_equal(courses.kinds[TREND_GROWS], 1);
    courses_release(&courses);
    p.leaks = NULL;
    p.leak_count = 0;
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starved_findings_say_so),
        cmocka_unit_test(starved_courses_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
