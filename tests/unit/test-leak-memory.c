// SPDX-License-Identifier: Apache-2.0
/*
 * Searching, suppressing and reporting leaks while memory runs out: each
 * allocation fails in its turn, and all from it on.  What fails says so, and
 * nothing is lost, which the sanitizers' build sees.
 */
#include "src/host/graph/leakgraph.h"
#include "src/host/leaks/duplicates.h"
#include "src/host/leaks/leaks.h"
#include "src/host/leaks/retained.h"
#include "src/host/leaks/why.h"
#include "src/host/report/report-leak.h"
#include "src/host/suppress/suppress-builtin.h"
#include "src/host/suppress/suppress-generate.h"
#include "src/host/view/trend.h"
#include "src/shared/record.h"
#include "tests/unit/failing-memory.h"
#include "tests/unit/profile-maker.h"
#include "tests/unit/sample-leaks.h"
#include "tests/unit/sample-profile.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 0, or -1 with the error; what it makes it releases. */
typedef int attempt(struct error *e);

/* From "no memory at all" to the first time that it is enough, at most `most` allocations later. */
static void starve(attempt *try_it, uint64_t most)
{
    for (uint64_t n = 0;; n++) {
        struct error e = {0};
        int result;

        memory_fail_after(n);
        result = try_it(&e);
        memory_suffices();
        if (result == 0)
            break;
        assert_int_equal(e.kind, ERROR_MEMORY);
        assert_true(e.text[0]);
        assert_true(n < most);
    }
}

/* ------------------------------------------------------------------ graph -- */

#define HEAP UINT64_C(0x10000)

/* Reached, half reached, weak, a cycle that is lost and what lies under it. */
static const uint64_t memory[] = {HEAP + 16, HEAP + 40, HEAP + 64, HEAP + 72, 0,         HEAP + 96,
                                  HEAP + 80, 0,         HEAP + 8,  0,         HEAP + 64, HEAP + 112,
                                  HEAP + 96, 0,         0,         0};

static const void *bytes_at(void *context, uint64_t address, uint64_t *size)
{
    (void)context;
    *size = address >= HEAP && address < HEAP + sizeof memory ? HEAP + sizeof memory - address : 0;
    return *size ? (const uint8_t *)memory + (address - HEAP) : NULL;
}

static int search(struct leakgraph *g, struct error *e)
{
    static const uint32_t group[8] = {0, 1, 0, 1, 0, 1, 0, 1};
    struct leakgraph_path path;
    uint64_t bytes[2];

    for (uint64_t i = 0; i < 8; i++)
        if (leakgraph_add_block(g, HEAP + 16 * (i * 3 % 8), i == 5 ? UINT64_C(1) << 33 : 16, e) !=
            0)
            return -1;
    if (leakgraph_add_value(g, ROOT_REGISTER, 0, HEAP, e) != 0 ||
        leakgraph_add_weak(g, 0, HEAP + 8, 8, e) != 0 || leakgraph_seal(g, e) != 0 ||
        leakgraph_mark(g, e) != 0 || leakgraph_dominate(g, e) != 0 ||
        leakgraph_retained_by_group(g, group, 2, bytes, e) != 0)
        return -1;
    for (uint32_t i = 0; i < g->count; i++) {
        if (leakgraph_why(g, i, &path, e) != 0)
            return -1;
        leakgraph_path_release(&path);
    }
    return 0;
}

static int search_and_release(struct error *e)
{
    struct leakgraph_reader reader = {bytes_at, NULL};
    struct leakgraph_options options;
    struct leakgraph g;
    int result;

    leakgraph_options_init(&options);
    leakgraph_init(&g, &reader, &options);
    result = search(&g, e);
    leakgraph_release(&g);
    return result;
}

static void a_search_fails_cleanly(void **state)
{
    (void)state;
    starve(search_and_release, 1000);
}

/* ------------------------------------------------------ the heap of a file -- */

static struct profile kept;

static int answer(struct heapimage *h, struct error *e)
{
    struct duplicates duplicates;
    struct retained retained;
    struct why why;

    for (uint32_t i = 0; i < kept.block_count; i++) {
        if (why_find(&why, h, i, e) != 0)
            return -1;
        why_release(&why);
    }
    if (retained_make(&retained, h, VIEW_LINE, false, NULL, e) != 0)
        return -1;
    retained_release(&retained);
    if (duplicates_make(&duplicates, &kept, VIEW_FUNCTION, NULL, e) != 0)
        return -1;
    duplicates_release(&duplicates);
    return 0;
}

static int open_and_answer(struct error *e)
{
    struct heapimage h;
    int result;

    if (heapimage_init(&h, &kept, e) != 0)
        return -1;
    result = answer(&h, e);
    heapimage_release(&h);
    return result;
}

static void questions_about_a_file_fail_cleanly(void **state)
{
    (void)state;
    assert_true(sample_profile_init(&kept, 8));
    kept.search.graph = GRAPH_WHOLE;
    starve(open_and_answer, 1000);
    profile_release(&kept);
}

static int judge(struct error *e)
{
    struct trend_point points[20];
    struct trend t;

    for (uint32_t i = 0; i < 20; i++)
        points[i] = (struct trend_point){i, i};
    return trend_find(&t, points, 20, e);
}

static void a_trend_fails_cleanly(void **state)
{
    (void)state;
    starve(judge, 10);
}

/* ------------------------------------------------------------- a profile's -- */

static struct profile profile;

static void make_leaks(void)
{
    uint32_t module, frame, node, thread;

    make_profile(&profile);
    module = make_module(&profile, "/bin/app", 0);
    frame = make_frame(&profile, module, "lose", "/src/lose.c", 3, 0);
    node = make_node(&profile, STACK_ROOT_WHOLE, frame);
    thread = make_thread(&profile, 1, "app");
    make_site(&profile, node, thread, 10, 100);
    make_leak(&profile, 0, LEAK_DEFINITE, 2, 100);
    make_leak(&profile, 0, LEAK_POSSIBLE, 2, 100)->age = 1;
    profile.search.notes = SEARCH_PARTIAL_RECORD | SEARCH_THREADS_MISSED;
}

static int report_profile(struct error *e)
{
    struct suppressions rules;
    struct leaks leaks;
    int result;

    suppressions_init(&rules);
    result = suppressions_add(&rules, "leak:nobody\n", 12, "x", e);
    if (result == 0)
        result = leaks_make(
            &leaks, &profile,
            &(struct leaks_options){.kinds = LEAK_KIND_ALL, .suppressions = &rules, .min_age = 1},
            e);
    if (result == 0) {
        assert_int_equal(leaks.report.record_count, 1);
        leaks_release(&leaks);
    }
    suppressions_release(&rules);
    return result;
}

static void the_leaks_of_a_profile_fail_cleanly(void **state)
{
    (void)state;
    make_leaks();
    starve(report_profile, 200);
    profile_release(&profile);
}

/* ----------------------------------------------------------- suppressions -- */

static int suppress(struct error *e)
{
    static const char rules[] = "{\n x\n Memcheck:Leak\n fun:malloc\n fun:_ZN3app4PoolC1Ev\n}\n";
    struct suppressions s;
    int result;

    suppressions_init(&s);
    result = suppressions_add(&s, rules, strlen(rules), "x", e);
    if (result == 0)
        result = suppressions_add(&s, "leak:a\nleak:b\n", 14, "y", e);
    if (result == 0)
        result = suppress_builtin_add(&s, e);
    suppressions_release(&s);
    return result;
}

static void suppressions_fail_cleanly(void **state)
{
    (void)state;
    starve(suppress, 1000);
}

/* ---------------------------------------------------------------- reports -- */

static FILE *nowhere;
static const char *sample = "hostile";
static int (*write_report)(FILE *out, const struct leak_report *r, const struct leak_format *f,
                           struct error *e);

static int report(struct error *e)
{
    struct leak_format f = {SAMPLE_ROOT, LEAK_KIND_BIT(LEAK_DEFINITE), 0};
    static struct leak_report r;
    int result;

    memory_suffices(); /* the sample is made in peace */
    assert_true(sample_leaks(&r, sample));
    memory_resume();
    result = write_report(nowhere, &r, &f, e);
    memory_suffices();
    leak_report_release(&r);
    return result;
}

static void reports_fail_cleanly(void **state)
{
    (void)state;
    nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    sample = "plain";
    write_report = report_leak_json;
    starve(report, 100000);
    write_report = report_leak_sarif;
    starve(report, 100000);
    write_report = report_leak_junit;
    starve(report, 100000);
    write_report = report_leak_github;
    starve(report, 100000);
    write_report = report_leak_gitlab;
    starve(report, 100000);
    write_report = report_leak_markdown;
    starve(report, 100000);
    write_report = sample_leaks_write_known;
    starve(report, 100000);
    fclose(nowhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_fails_cleanly),
        cmocka_unit_test(questions_about_a_file_fail_cleanly),
        cmocka_unit_test(a_trend_fails_cleanly),
        cmocka_unit_test(the_leaks_of_a_profile_fail_cleanly),
        cmocka_unit_test(suppressions_fail_cleanly),
        cmocka_unit_test(reports_fail_cleanly),
    };

    json_set_alloc_funcs(__wrap_malloc, free);
    /* libxml2 is left alone: when memory runs out it loses some itself (2.9.14) */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
