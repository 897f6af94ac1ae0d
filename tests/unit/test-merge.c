// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/leakgraph.h"
#include "src/host/profile/merge.h"
#include "src/host/profile/profile-check.h"

#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A process of a program mapped at `base`: main → f at offset 0x100, and one site. */
static void make_process(struct profile *p, const char *program, uint8_t build, uint64_t base,
                         const char *function, uint64_t blocks)
{
    struct profile_module *m;
    uint32_t node, frame, module;

    make_profile(p);
    p->process.program = strings_add(&p->strings, program);
    p->process.command = strings_add(&p->strings, program);
    p->process.host = strings_add(&p->strings, "here");
    module = make_module(p, program, 0);
    m = &p->modules[module];
    m->start = base;
    m->bias = base;
    m->end = base + 0x1000;
    m->build_id_size = build ? 20 : 0;
    memset(m->build_id, build, m->build_id_size);
    make_thread(p, 4242, "main");
    frame = make_frame(p, module, "main", "/s/app.c", 9, 0);
    p->frames[frame].value = base + 0x50;
    node = make_node(p, STACK_ROOT_WHOLE, frame);
    frame = make_frame(p, module, function, "/s/app.c", 5, 0x100);
    p->frames[frame].value = base + 0x100;
    node = make_node(p, node, frame);
    make_site(p, node, 0, blocks, 10);
    p->totals = (struct profile_totals){.live_bytes = blocks * 10,
                                        .peak_bytes = blocks * 10,
                                        .total_bytes = blocks * 10,
                                        .live_blocks = blocks,
                                        .peak_blocks = blocks,
                                        .total_blocks = blocks};
    p->loss.unknown_frees = 1;
}

static void merge_two(struct profile *to, struct profile *x, struct profile *y)
{
    struct merge m;
    struct error e;

    profile_init(to);
    merge_init(&m, to);
    if (merge_add(&m, x, &e) != 0 || merge_add(&m, y, &e) != 0 || merge_finish(&m, &e) != 0)
        fail_msg("%s", e.text);
    merge_release(&m);
    if (profile_check(to, &e) != 0)
        fail_msg("%s", e.text);
    profile_release(x);
    profile_release(y);
}

static void one_build_at_two_addresses_is_one_module(void **state)
{
    struct profile x, y, sum;

    (void)state;
    make_process(&x, "/bin/app", 7, 0x400000, "f", 3);
    make_process(&y, "/bin/app", 7, 0x7f0000000000, "f", 4);
    merge_two(&sum, &x, &y);
    assert_int_equal(sum.module_count, 1);
    assert_int_equal(sum.frame_count, 2);
    assert_int_equal(sum.node_count, STACK_ROOTS + 2);
    assert_int_equal(sum.site_count, 2);
    assert_int_equal(sum.sites[0].node, sum.sites[1].node);
    assert_int_not_equal(sum.sites[0].thread, sum.sites[1].thread);
    assert_int_equal(frame_pc(sum.frames[1].value), 0x400100);
    assert_int_equal(sum.totals.peak_bytes, 70);
    assert_int_equal(sum.totals.total_blocks, 7);
    assert_int_equal(sum.loss.unknown_frees, 2);
    assert_int_equal(sum.process.merged, 2);
    assert_string_equal(profile_text(&sum, sum.process.command), "/bin/app (2 times)");
    assert_string_equal(profile_text(&sum, sum.process.host), "here");
    assert_string_equal(profile_text(&sum, sum.threads[0].name), "/bin/app/main");
    profile_release(&sum);
}

static void other_builds_stay_apart(void **state)
{
    struct profile x, y, sum;

    (void)state;
    make_process(&x, "/bin/app", 7, 0x400000, "f", 3);
    make_process(&y, "/bin/app", 8, 0x400000, "f", 4);
    merge_two(&sum, &x, &y);
    assert_int_equal(sum.module_count, 2);
    assert_int_equal(sum.frame_count, 4);
    assert_int_not_equal(sum.sites[0].node, sum.sites[1].node);
    profile_release(&sum);
}

static void without_build_ids_paths_tell(void **state)
{
    struct profile x, y, sum;

    (void)state;
    make_process(&x, "/bin/app", 0, 0x400000, "f", 3);
    make_process(&y, "/bin/app", 0, 0x500000, "f", 4);
    merge_two(&sum, &x, &y);
    assert_int_equal(sum.module_count, 1);
    assert_int_equal(sum.frame_count, 2);
    profile_release(&sum);
    make_process(&x, "/bin/app", 0, 0x400000, "f", 3);
    make_process(&y, "/bin/tool", 0, 0x400000, "f", 4);
    merge_two(&sum, &x, &y);
    assert_int_equal(sum.module_count, 2);
    assert_string_equal(profile_text(&sum, sum.process.program), "2 processes");
    assert_string_equal(profile_text(&sum, sum.process.command), "/bin/app; /bin/tool");
    profile_release(&sum);
}

static void names_come_from_whoever_has_them(void **state)
{
    struct profile x, y, sum;

    (void)state;
    make_process(&x, "/bin/app", 7, 0x400000, "", 3);
    x.lines[1].file = 0;
    x.lines[1].line = 0;
    make_process(&y, "/bin/app", 7, 0x500000, "f", 4);
    merge_two(&sum, &x, &y);
    assert_int_equal(sum.frame_count, 2);
    assert_string_equal(profile_text(&sum, sum.lines[sum.frames[1].first_line].function), "f");
    profile_release(&sum);
}

static void code_outside_modules_is_one_processs_own(void **state)
{
    struct profile x, y, sum;

    (void)state;
    make_process(&x, "/bin/app", 7, 0x400000, "", 3);
    x.frames[1].module = NO_MODULE;
    make_process(&y, "/bin/app", 7, 0x400000, "", 4);
    y.frames[1].module = NO_MODULE;
    merge_two(&sum, &x, &y);
    assert_int_equal(sum.frame_count, 3);
    profile_release(&sum);
}

/*
 * A process that was searched for leaks: one lost block, and one that a weak region of this
 * name holds.
 */
static void make_searched(struct profile *p, const char *region)
{
    make_process(p, "/bin/app", 7, 0x400000, "f", 3);
    p->search = (struct profile_search){.number = 1,
                                        .cause = SEARCH_AT_EXIT,
                                        .method = SEARCH_PTRACE,
                                        .graph = GRAPH_WHOLE,
                                        .held_seconds = 0.5,
                                        .threads = 2,
                                        .suppressions = strings_add(&p->strings, region)};
    p->leaks = calloc(2, sizeof *p->leaks);
    p->roots = calloc(2, sizeof *p->roots);
    assert_true(p->leaks && p->roots);
    p->roots[0].kind = ROOT_GLOBAL;
    p->roots[1] =
        (struct profile_root){.kind = ROOT_WEAK, .name = strings_add(&p->strings, region)};
    p->leaks[0] = (struct profile_leak){
        .kind = LEAK_WEAK, .holder = 1, .site = 0, .blocks = 1, .bytes = strlen(region)};
    p->leaks[1] = (struct profile_leak){
        .kind = LEAK_DEFINITE, .site = 0, .blocks = 1, .bytes = strlen(region)};
    p->leak_count = p->root_count = 2;
}

static void searches_for_leaks(void **state)
{
    struct profile x, y, z, sum;
    struct merge m;
    struct error e;

    (void)state;
    make_searched(&x, "observers");
    make_searched(&y, "the cache of names");
    make_process(&z, "/bin/app", 7, 0x400000, "f", 3);
    profile_init(&sum);
    merge_init(&m, &sum);
    assert_int_equal(merge_add(&m, &z, &e), 0);
    assert_int_equal(merge_add(&m, &x, &e), 0);
    assert_int_equal(merge_add(&m, &y, &e), 0);
    assert_int_equal(merge_finish(&m, &e), 0);
    assert_int_equal(m.lost.graphs, 2);
    assert_int_equal(m.lost.unsearched, 1);
    merge_release(&m);
    assert_int_equal(profile_check(&sum, &e), 0);
    assert_int_equal(sum.search.cause, SEARCH_AT_EXIT);
    assert_int_equal(sum.search.graph, GRAPH_NONE);
    assert_int_equal(sum.search.threads, 4);
    assert_true(sum.search.held_seconds == 1);
    assert_string_equal(profile_text(&sum, sum.search.suppressions),
                        "observers\nthe cache of names");
    assert_int_equal(sum.leak_count, 4);
    assert_int_equal(sum.root_count, 2);
    assert_int_equal(sum.leaks[0].kind, LEAK_WEAK);
    assert_int_equal(sum.leaks[0].bytes, strlen("the cache of names"));
    assert_int_equal(sum.leaks[0].site, z.site_count + x.site_count);
    assert_string_equal(profile_text(&sum, sum.roots[sum.leaks[0].holder].name),
                        "the cache of names");
    assert_string_equal(profile_text(&sum, sum.roots[sum.leaks[1].holder].name), "observers");
    assert_int_equal(sum.leaks[1].site, z.site_count);
    assert_int_equal(sum.leaks[3].kind, LEAK_DEFINITE);
    profile_release(&x);
    profile_release(&y);
    profile_release(&z);
    profile_release(&sum);
}

static void ends_and_times(void **state)
{
    struct profile x, y, sum;
    struct merge m;
    struct error e;

    (void)state;
    make_process(&x, "/bin/app", 7, 0x400000, "f", 3);
    x.process.seconds = 2;
    x.process.started_unix = 2000;
    make_process(&y, "/bin/app", 7, 0x400000, "f", 4);
    y.process.seconds = 5;
    y.process.started_unix = 1000;
    y.process.exit_kind = EXIT_SIGNAL;
    y.process.exit_value = 11;
    y.incomplete = true;
    y.heap.number = 1;
    profile_init(&sum);
    merge_init(&m, &sum);
    assert_int_equal(merge_add(&m, &x, &e), 0);
    assert_int_equal(m.lost.heaps, 0);
    assert_int_equal(merge_add(&m, &y, &e), 0);
    assert_int_equal(m.lost.heaps, 1);
    assert_int_equal(merge_finish(&m, &e), 0);
    merge_release(&m);
    profile_release(&x);
    profile_release(&y);
    assert_true(sum.process.seconds == 5);
    assert_int_equal(sum.process.started_unix, 1000);
    assert_int_equal(sum.process.exit_kind, EXIT_SIGNAL);
    assert_int_equal(sum.process.exit_value, 11);
    assert_int_equal(sum.process.pid, 0);
    assert_true(sum.incomplete);
    profile_release(&sum);
}

/*
 * Every total and every loss: all of them are counts but for the time of the peak, and what
 * one memprof may have taken for all.
 */
static void every_number_is_summed(void **state)
{
    struct profile x, y, sum;
    uint64_t numbers[sizeof x.totals / 8];
    size_t host = offsetof(struct profile_totals, own_host_bytes) / 8;

    (void)state;
    make_process(&x, "/bin/app", 7, 0x400000, "f", 3);
    make_process(&y, "/bin/app", 7, 0x500000, "f", 4);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = i + 1;
    numbers[offsetof(struct profile_totals, peak_seconds) / 8] = 0;
    memcpy(&x.totals, numbers, sizeof x.totals);
    memcpy(&y.totals, numbers, sizeof y.totals);
    memcpy(&x.loss, numbers, sizeof x.loss);
    memcpy(&y.loss, numbers, sizeof y.loss);
    merge_two(&sum, &x, &y);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint64_t total;

        memcpy(&total, (const char *)&sum.totals + 8 * i, 8);
        assert_int_equal(total, i == host ? numbers[i] : 2 * numbers[i]);
    }
    for (size_t i = 0; i < sizeof sum.loss / 8; i++) {
        uint64_t loss;

        memcpy(&loss, (const char *)&sum.loss + 8 * i, 8);
        assert_int_equal(loss, 2 * numbers[i]);
    }
    profile_release(&sum);
}

/* What is not the same in all of them is nothing's; the earliest start counts. */
static void hosts_and_programs_that_differ_are_not_named(void **state)
{
    struct profile x, y, sum;

    (void)state;
    make_process(&x, "/bin/tool", 8, 0x400000, "f", 3);
    x.process.started_unix = 1000;
    make_process(&y, "/bin/app", 7, 0x500000, "g", 4);
    y.process.started_unix = 2000;
    y.process.host = strings_add(&y.strings, "there");
    y.process.executable = strings_add(&y.strings, "/bin/other");
    x.process.allocator = strings_add(&x.strings, "libc.so.6");
    y.process.allocator = strings_add(&y.strings, "pool");
    merge_two(&sum, &x, &y);
    assert_int_equal(sum.process.started_unix, 1000);
    assert_string_equal(profile_text(&sum, sum.process.host), "");
    assert_string_equal(profile_text(&sum, sum.process.executable), "");
    assert_string_equal(profile_text(&sum, sum.process.allocator), "");
    for (uint32_t i = 0; i < sum.site_count; i++) {
        uint32_t module = sum.frames[sum.nodes[sum.sites[i].node].frame].module;

        assert_string_equal(profile_text(&sum, sum.modules[module].path),
                            i ? "/bin/app" : "/bin/tool");
    }
    make_process(&x, "/bin/app", 7, 0x400000, "f", 3);
    make_process(&y, "/bin/app", 7, 0x500000, "f", 4);
    x.process.allocator = strings_add(&x.strings, "pool");
    y.process.allocator = strings_add(&y.strings, "pool");
    profile_release(&sum);
    merge_two(&sum, &x, &y);
    assert_string_equal(profile_text(&sum, sum.process.host), "here");
    assert_string_equal(profile_text(&sum, sum.process.allocator), "pool");
    profile_release(&sum);
}

/* Threads keep the names that the first merging gave them; profiles are counted through. */
static void what_was_merged_can_be_merged(void **state)
{
    struct profile x, y, sum, all;
    char name[64];

    (void)state;
    make_process(&x, "/bin/app", 7, 0x400000, "f", 3);
    make_process(&y, "/bin/app", 7, 0x500000, "f", 4);
    merge_two(&sum, &x, &y);
    snprintf(name, sizeof name, "%s", profile_text(&sum, sum.threads[0].name));
    assert_non_null(strchr(name, '/'));
    make_process(&x, "/bin/tool", 8, 0x400000, "f", 5);
    merge_two(&all, &sum, &x);
    assert_int_equal(all.process.merged, 3);
    assert_int_equal(all.thread_count, 3);
    assert_string_equal(profile_text(&all, all.threads[0].name), name);
    assert_string_equal(profile_text(&all, all.process.program), "3 processes");
    profile_release(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_build_at_two_addresses_is_one_module),
        cmocka_unit_test(other_builds_stay_apart),
        cmocka_unit_test(without_build_ids_paths_tell),
        cmocka_unit_test(names_come_from_whoever_has_them),
        cmocka_unit_test(code_outside_modules_is_one_processs_own),
        cmocka_unit_test(searches_for_leaks),
        cmocka_unit_test(ends_and_times),
        cmocka_unit_test(every_number_is_summed),
        cmocka_unit_test(hosts_and_programs_that_differ_are_not_named),
        cmocka_unit_test(what_was_merged_can_be_merged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
