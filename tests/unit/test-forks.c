/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/forks.h"

#include "src/host/model/model.h"
#include "src/shared/record.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES 100u
#define POOL 5u
#define BIG ((UINT64_C(5) << 32) + 3)

static struct forks forks;
static struct model parent, child;
static struct model_thread thread;

static void apply(uint32_t kind, uint64_t address, uint64_t first, uint64_t second, uint32_t flags)
{
    struct model_event e = {.word0 = address | (uint64_t)kind << RECORD_KIND_SHIFT |
                                     (uint64_t)flags << RECORD_FLAGS_SHIFT,
                            .rest = {first, second},
                            .thread = &thread,
                            .time = 10};

    model_apply(&parent, &e, 1);
}

static uint64_t sized(uint32_t size, uint32_t stack)
{
    return size | (uint64_t)stack << 32;
}

static int set_up(void **unused)
{
    (void)unused;
    model_init(&parent, NODES, 0, 1);
    model_init(&child, NODES, 100, 1);
    thread = (struct model_thread){.row = threads_add(&parent.threads, 7, "seven")};
    return forks_init(&forks) ? 0 : -1;
}

static int tear_down(void **unused)
{
    (void)unused;
    forks_release(&forks);
    model_release(&parent);
    model_release(&child);
    return 0;
}

/* Three heap blocks, one ignored, one freed; a mapping; a block and a region of the program's. */
static void live(void)
{
    apply(RECORD_ALLOC, 0x1000, sized(10, 3), 0, 0);
    apply(RECORD_ALLOC, 0x2000, sized(20, 4), 0, 0);
    apply(RECORD_ALLOC, 0x3000, sized((uint32_t)BIG, 5), BIG >> 32, RECORD_BIG);
    apply(RECORD_ALLOC, 0x4000, sized(40, 3), 0, 0);
    apply(RECORD_FREE, 0x4000, 0, 0, 0);
    apply(RECORD_IGNORE, 0x2000, 0, 0, 0);
    apply(RECORD_MMAP, 0x100000, sized(8192, 6), 0, 0);
    apply(RECORD_DOMAIN_ALLOC, 0x1000, sized(5, 3), POOL, 0);
    apply(RECORD_REGION, 0x5000, sized(64, 0), REGION_WEAK_ADD, 0);
}

static void test_inheriting(void **unused)
{
    struct inheritance in;
    struct livetable_block block;

    (void)unused;
    live();
    strcpy((char *)(uintptr_t)model_domain_name(&parent, POOL), "slabs");
    forks_put(&forks, 1, 1, &parent);
    apply(RECORD_FREE, 0x1000, 0, 0, 0); /* after the fork */
    assert_true(forks_pending(&forks, 1));
    assert_false(forks_pending(&forks, 2));
    assert_int_equal(forks_take(&forks, 1, 1, 0, &in), FORKS_TAKEN);
    assert_false(forks_any_pending(&forks));
    inheritance_give(&in, &child, 100);
    inheritance_release(&in);
    assert_int_equal(child.events_lost, 0);
    assert_int_equal(child.totals[DOMAIN_HEAP].live_bytes, 10 + BIG);
    assert_int_equal(child.totals[DOMAIN_HEAP].live_blocks, 2);
    assert_int_equal(child.totals[DOMAIN_HEAP].total_bytes, 10 + 20 + BIG);
    assert_int_equal(child.totals[DOMAIN_HEAP].total_blocks, 3);
    assert_int_equal(child.totals[DOMAIN_HEAP].peak_bytes, 10 + BIG);
    assert_int_equal(child.totals[DOMAIN_IGNORED].live_blocks, 1);
    assert_int_equal(child.totals[DOMAIN_MMAP].live_bytes, 8192);
    assert_int_equal(child.totals[POOL].live_bytes, 5);
    assert_string_equal(model_domain_name(&child, POOL), "slabs");
    assert_int_equal(child.regions.count, 1);
    assert_true(child.regions.rows[0].weak);
    assert_string_equal(child.threads.rows[0].name, "seven");
    assert_true(livetable_find(&child.live, 0x3000, &block));
    assert_int_equal(block.size, BIG);
    assert_int_equal(child.sites.sites[block.site].node, 5);
    assert_false(livetable_find(&child.live, 0x4000, &block));
    assert_false(child.partial);
}

static void test_results(void **unused)
{
    struct inheritance in;

    (void)unused;
    parent.partial = true;
    assert_int_equal(forks_take(&forks, 1, 1, 1, &in), FORKS_NOT_YET);
    forks_put(&forks, 1, 1, &parent);
    assert_int_equal(forks_take(&forks, 1, 2, 0, &in), FORKS_NOT_YET);
    assert_int_equal(forks_take(&forks, 2, 1, 0, &in), FORKS_NOT_YET);
    assert_int_equal(forks_take(&forks, 1, 1, 0, &in), FORKS_TAKEN);
    assert_true(in.partial);
    inheritance_release(&in);
    assert_int_equal(forks_take(&forks, 1, 1, 0, &in), FORKS_DROPPED);
    forks_put(&forks, 1, 2, &parent);
    forks_drop(&forks, 1, 3);
    assert_true(forks_any_pending(&forks));
    forks_drop(&forks, 1, 2);
    forks_put(&forks, 1, 3, &parent); /* who has no use for it said so before */
    assert_false(forks_any_pending(&forks));
    assert_int_equal(forks_take(&forks, 1, 3, 0, &in), FORKS_DROPPED);
    assert_int_equal(forks.bytes, 0);
}

/* The last FORKS_MAX are kept, and far more are remembered; none of it grows for ever. */
static void test_bounds(void **unused)
{
    const uint32_t count = 2 * FORKS_REMEMBERED;
    struct inheritance in;

    (void)unused;
    live();
    for (uint32_t i = 1; i <= count; i++)
        forks_put(&forks, 1, i, &parent);
    assert_int_equal(forks.kept, FORKS_MAX);
    assert_int_equal(forks.bytes, FORKS_MAX * inheritance_bytes(&parent));
    assert_int_equal(forks_take(&forks, 1, count - FORKS_MAX + 1, 0, &in), FORKS_TAKEN);
    inheritance_release(&in);
    assert_int_equal(forks_take(&forks, 1, count - FORKS_MAX, 0, &in), FORKS_DROPPED);
    assert_int_equal(forks_take(&forks, 1, 1, 0, &in), FORKS_NOT_YET);
}

static void *put_later(void *unused)
{
    (void)unused;
    forks_put(&forks, 3, 9, &parent);
    return NULL;
}

static void test_waiting(void **unused)
{
    struct inheritance in;
    pthread_t other;

    (void)unused;
    assert_int_equal(pthread_create(&other, NULL, put_later, NULL), 0);
    assert_int_equal(forks_take(&forks, 3, 9, 60000, &in), FORKS_TAKEN);
    inheritance_release(&in);
    pthread_join(other, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_inheriting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waiting, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
