// SPDX-License-Identifier: Apache-2.0
/* Which bytes of blocks and named roots may not be read, of memory of this process. */
#include "src/host/search/closedpages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE UINT64_C(4096)
#define PAGES 8u

static uint64_t memory;

/* Of eight pages all but the last were written; the third, fourth and last may not be read. */
static int set_up(void **state)
{
    char *pages =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(pages != MAP_FAILED);
    memset(pages, 1, (PAGES - 1) * PAGE);
    assert_int_equal(mprotect(pages + 2 * PAGE, 2 * PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(pages + 7 * PAGE, PAGE, PROT_NONE), 0);
    memory = (uint64_t)(uintptr_t)pages;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return munmap((void *)(uintptr_t)memory, PAGES * PAGE);
}

/* Bytes that a block, or a named root, has in pages that may not be read; `pid` is asked. */
static uint64_t closed_bytes(pid_t pid, uint64_t block, uint64_t size, struct leakroot *root)
{
    struct heap_range mappings[] = {{memory + 2 * PAGE, memory + 4 * PAGE},
                                    {memory + 7 * PAGE, memory + 8 * PAGE}};
    struct heapcopy copy = {.thread = pid, .closed = mappings, .closed_count = 2};
    struct leaklive_slot slot = {
        .number = block >> LEAKLIVE_SLOT_BITS, .start = block, .end = block + size, .count = 1};
    struct leaklive live = {.slots = &slot, .slot_count = 1};
    struct leakroots roots = {.rows = root, .count = root ? 1 : 0};
    const struct leakgraph_reader nothing = {NULL, NULL};
    struct leakgraph_options options;
    struct closedpages closed;
    struct leakgraph g;
    uint64_t bytes;

    leakgraph_options_init(&options);
    leakgraph_init(&g, &nothing, &options);
    assert_int_equal(leakgraph_add_block(&g, block, size, NULL), 0);
    assert_int_equal(leakgraph_seal(&g, NULL), 0);
    assert_int_equal(closedpages_find(&closed, &copy, &live, &roots, NULL), 0);
    bytes = closedpages_bytes(&closed, &g, &roots);
    closedpages_release(&closed);
    leakgraph_release(&g);
    return bytes;
}

static void bytes_of_blocks(void **state)
{
    (void)state;
    assert_int_equal(closed_bytes(getpid(), memory, 2 * PAGE, NULL), 0);
    assert_int_equal(closed_bytes(getpid(), memory, 2 * PAGE + 8, NULL), 8);
    assert_int_equal(closed_bytes(getpid(), memory + 3 * PAGE - 16, 32, NULL), 32);
    assert_int_equal(closed_bytes(getpid(), memory, 6 * PAGE, NULL), 2 * PAGE);
    assert_int_equal(closed_bytes(getpid(), memory + 4 * PAGE, 64, NULL), 0);
}

static void a_page_that_was_never_written_holds_nothing(void **state)
{
    (void)state;
    assert_int_equal(closed_bytes(getpid(), memory, 8 * PAGE, NULL), 2 * PAGE);
}

static void of_a_process_that_is_gone_all_count(void **state)
{
    (void)state;
    assert_int_equal(closed_bytes(0x7ffffffe, memory, 8 * PAGE, NULL), 3 * PAGE);
}

static void bytes_of_named_roots(void **state)
{
    struct leakroot root = {.kind = ROOT_NAMED, .start = memory, .size = 3 * PAGE};

    (void)state;
    assert_int_equal(closed_bytes(getpid(), memory + 5 * PAGE, 64, &root), PAGE);
    root.kind = ROOT_MAPPING;
    assert_int_equal(closed_bytes(getpid(), memory + 5 * PAGE, 64, &root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_of_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_that_was_never_written_holds_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_a_process_that_is_gone_all_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_of_named_roots, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
