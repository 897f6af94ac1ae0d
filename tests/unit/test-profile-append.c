// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/profile-append.h"
#include "src/host/profile/profile-check.h"
#include "src/shared/record.h"
#include "tests/unit/sample-journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void rows_and_numbers_add_up(void **state)
{
    struct sample_run r;

    (void)state;
    assert_true(sample_run_init(&r, NULL));
    for (uint32_t i = 0; i < 50; i++) {
        uint64_t live = 0;

        assert_int_equal(sample_run_next(&r, NULL), 0);
        assert_int_equal(r.whole.site_count, (i + 1) * SAMPLE_GROUP_SITES);
        assert_int_equal(r.whole.frame_count, (i + 1) * SAMPLE_GROUP_SITES);
        assert_int_equal(r.whole.mark_count, i + 1);
        assert_int_equal(r.whole.sample_count, i + 1);
        assert_int_equal(r.whole.module_count, i / 2 + 1);
        assert_int_equal(r.whole.loss.dropped, i);
        for (uint32_t k = 0; k < r.whole.site_count; k++)
            live += r.whole.sites[k].stats.live_bytes;
        assert_int_equal(live, sample_live_bytes(i + 1));
    }
    assert_string_equal(profile_text(&r.whole, r.whole.marks[17].label), "mark 17");
    assert_string_equal(profile_text(&r.whole, r.whole.modules[3].path), "/lib/module 3");
    assert_string_equal(profile_text(&r.whole, r.whole.process.program), "sample");
    assert_string_equal(profile_text(&r.whole, r.series.moments[5].label), "label 5");
    sample_run_release(&r);
}

static void the_last_allocation_is_dated(void **state)
{
    struct sample_run r;

    (void)state;
    assert_true(sample_run_init(&r, NULL));
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(sample_run_next(&r, NULL), 0);
    assert_true(r.whole.sites[0].last_seconds == 3.5); /* allocates each time */
    assert_true(r.whole.sites[1].last_seconds == 0.5); /* only once */
    assert_int_equal(r.whole.sites[1].stats.smallest, 48);
    assert_int_equal(r.whole.sites[1].stats.largest, 200);
    sample_run_release(&r);
}

/* Checkpoint 1 with one number in it wrong, on top of checkpoint 0. */
static void assert_refused(void (*spoil)(struct checkpoint *c))
{
    struct sample_run r;
    struct checkpoint c;
    struct error e = {0};
    int result;

    assert_true(sample_run_init(&r, NULL));
    assert_int_equal(sample_run_next(&r, NULL), 0);
    assert_true(sample_checkpoint(&c, 1));
    spoil(&c);
    result = profile_append(&r.whole, &c.part, &e);
    if (result == 0)
        result = profile_change(&r.whole, c.changes, c.change_count, 1, &e);
    assert_int_equal(result, -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    checkpoint_release(&c);
    sample_run_release(&r);
}

#define SPOIL(name, statement)                                                                     \
    static void spoil_##name(struct checkpoint *c)                                                 \
    {                                                                                              \
        statement;                                                                                 \
    }

SPOIL(frame_module, c->part.frames[0].module = 99)
SPOIL(node_parent, c->part.nodes[1].parent = STACK_ROOTS + 4)
SPOIL(node_frame, c->part.nodes[1].frame = 6)
SPOIL(site_node, c->part.sites[2].node = STACK_ROOTS + 2 * SAMPLE_GROUP_SITES)
SPOIL(site_thread, c->part.sites[2].thread = 1)
SPOIL(site_domain, c->part.sites[2].domain = DOMAINS_MAX)
SPOIL(mark_thread, c->part.marks[0].thread = 1)
SPOIL(mark_label, c->part.marks[0].label = 999)
SPOIL(moment_label, c->part.moments[0].label = 999)
SPOIL(moment_kind, c->part.moments[0].kind = 2)
SPOIL(module_path, c->part.modules[0].path = 999)
SPOIL(thread_name, c->part.threads[0].name = 999)
SPOIL(domain_name, c->part.domains[2].name = 999)
SPOIL(domains_gone, c->part.domain_count = 2)
SPOIL(program, c->part.process.program = 999)
SPOIL(lines, c->part.line_count = 1; c->part.lines = calloc(1, sizeof *c->part.lines))
SPOIL(change_site, c->changes[c->change_count - 1].site = 6)

SPOIL(size_site, c->part.sizes[0].site = 2 * SAMPLE_GROUP_SITES)
SPOIL(pin_site, c->part.pins[0].site = 2 * SAMPLE_GROUP_SITES)
SPOIL(pin_pool, c->part.pins[0].pool = 1)
SPOIL(pool_class, c->part.pools[0].size_class = 99)
SPOIL(snapshot_pool_class, c->part.snapshot_pools[0].size_class = 99)
SPOIL(snapshot_pool_address, c->part.snapshot_pools[0].address = 77)
SPOIL(snapshot_pool_used, c->part.snapshot_pools[0].used = 1u << 20)
SPOIL(snapshot_of_pool, c->part.snapshot_pools[0].snapshot = 1)
SPOIL(leak_site, c->part.leaks[0].site = 2 * SAMPLE_GROUP_SITES)
SPOIL(block_site, c->part.blocks[0].site = 2 * SAMPLE_GROUP_SITES)
SPOIL(duplicate_site, c->part.duplicates[0].site = 2 * SAMPLE_GROUP_SITES)
SPOIL(pointer_symbol, c->part.pointers[0].symbol = 999)
SPOIL(root_name, c->part.roots[0].name = 999)
SPOIL(root_thread, c->part.roots[0].thread = 999)
SPOIL(search_why, c->part.search.why = 999)
SPOIL(search_suppressions, c->part.search.suppressions = 999)

static void what_does_not_fit_is_refused(void **state)
{
    void (*const spoils[])(struct checkpoint *) = {
        spoil_frame_module,
        spoil_node_parent,
        spoil_node_frame,
        spoil_site_node,
        spoil_site_thread,
        spoil_site_domain,
        spoil_mark_thread,
        spoil_mark_label,
        spoil_moment_label,
        spoil_moment_kind,
        spoil_module_path,
        spoil_thread_name,
        spoil_domain_name,
        spoil_domains_gone,
        spoil_program,
        spoil_lines,
        spoil_change_site,
        spoil_size_site,
        spoil_pin_site,
        spoil_pin_pool,
        spoil_pool_class,
        spoil_leak_site,
        spoil_block_site,
        spoil_duplicate_site,
        spoil_pointer_symbol,
        spoil_root_name,
        spoil_root_thread,
        spoil_search_why,
        spoil_search_suppressions,
        spoil_snapshot_pool_class,
        spoil_snapshot_pool_address,
        spoil_snapshot_pool_used,
        spoil_snapshot_of_pool,
    };

    (void)state;
    for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++)
        assert_refused(spoils[i]);
}

/* What earlier sites refer to cannot go. */
static void threads_and_modules_become_no_fewer(void **state)
{
    struct profile whole, part;
    struct error e = {0};

    (void)state;
    profile_init(&whole);
    profile_init(&part);
    for (uint32_t more = 2; more >= 1; more--) {
        part.threads = calloc(2, sizeof *part.threads);
        part.modules = calloc(2, sizeof *part.modules);
        assert_true(part.threads && part.modules);
        part.thread_count = more;
        part.module_count = 2;
        assert_int_equal(profile_append(&whole, &part, &e), more == 2 ? 0 : -1);
    }
    assert_int_equal(e.kind, ERROR_FORMAT);
    part.thread_count = 2;
    part.module_count = 1;
    assert_int_equal(profile_append(&whole, &part, &e), -1);
    assert_int_equal(whole.thread_count, 2);
    part.module_count = 2;
    assert_int_equal(profile_append(&whole, &part, &e), 0);
    profile_release(&part);
    profile_release(&whole);
}

static void a_refused_part_changes_no_rows(void **state)
{
    struct sample_run r;
    struct checkpoint c;

    (void)state;
    assert_true(sample_run_init(&r, NULL));
    assert_int_equal(sample_run_next(&r, NULL), 0);
    assert_true(sample_checkpoint(&c, 1));
    c.part.sites[2].node = STACK_ROOTS + 2 * SAMPLE_GROUP_SITES;
    assert_int_equal(profile_append(&r.whole, &c.part, NULL), -1);
    assert_int_equal(r.whole.site_count, SAMPLE_GROUP_SITES);
    assert_int_equal(r.whole.frame_count, SAMPLE_GROUP_SITES);
    assert_int_equal(r.whole.sample_count, 1);
    checkpoint_release(&c);
    assert_int_equal(sample_run_next(&r, NULL), 0); /* and the right one still fits */
    sample_run_release(&r);
}

static void tables_without_rows_leave_the_old_ones(void **state)
{
    struct sample_run r;
    struct checkpoint c;

    (void)state;
    assert_true(sample_run_init(&r, NULL));
    assert_int_equal(sample_run_next(&r, NULL), 0);
    assert_true(sample_checkpoint(&c, 1));
    c.part.module_count = c.part.thread_count = c.part.sample_count = c.part.domain_count = 0;
    assert_int_equal(profile_append(&r.whole, &c.part, NULL), 0);
    assert_int_equal(r.whole.module_count, 1);
    assert_int_equal(r.whole.thread_count, 1);
    assert_int_equal(r.whole.sample_count, 1);
    assert_int_equal(r.whole.domain_count, 3);
    checkpoint_release(&c);
    sample_run_release(&r);
}

/* Looks at the heap replace each other, with what they do not have. */
static void the_last_look_at_the_heap_stays(void **state)
{
    struct sample_run r;
    struct checkpoint c;

    (void)state;
    assert_true(sample_run_init(&r, NULL));
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(sample_run_next(&r, NULL), 0);
    assert_int_equal(r.whole.heap.number, 2);
    assert_int_equal(r.whole.size_count, 2);
    assert_int_equal(r.whole.sizes[1].blocks, 5);
    assert_true(sample_checkpoint(&c, 6));
    c.part.heap.number = 3;
    assert_int_equal(profile_append(&r.whole, &c.part, NULL), 0);
    assert_int_equal(r.whole.size_count, 0);
    assert_int_equal(r.whole.pool_count, 0);
    assert_int_equal(r.whole.heap.number, 3);
    checkpoint_release(&c);
    sample_run_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_numbers_add_up),
        cmocka_unit_test(the_last_allocation_is_dated),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(threads_and_modules_become_no_fewer),
        cmocka_unit_test(a_refused_part_changes_no_rows),
        cmocka_unit_test(tables_without_rows_leave_the_old_ones),
        cmocka_unit_test(the_last_look_at_the_heap_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
