/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/blockfind.h"

#include "src/shared/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct model model;
static struct model_thread thread;

static int set_up(void **state)
{
    (void)state;
    model_init(&model, 1000, 0, 1);
    memset(&thread, 0, sizeof(thread));
    thread.row = threads_add(&model.threads, 5, "main");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    model_release(&model);
    return 0;
}

static void record(uint32_t kind, uint32_t flags, uint64_t address, uint64_t size, uint64_t extra)
{
    struct model_event e = {.word0 = address | (uint64_t)flags << RECORD_FLAGS_SHIFT |
                                     (uint64_t)kind << RECORD_KIND_SHIFT,
                            .rest = {(uint32_t)size, flags & RECORD_BIG ? size >> 32 : extra},
                            .thread = &thread};

    model_apply(&model, &e, 1);
}

static void expect(uint64_t address, uint64_t start, uint64_t size, uint32_t domain)
{
    struct found_block found;

    assert_true(block_find(&model, address, &found));
    assert_int_equal(found.start, start);
    assert_int_equal(found.size, size);
    assert_int_equal(found.domain, domain);
    assert_int_equal(model.sites.sites[found.site].domain, domain);
}

static void expect_none(uint64_t address)
{
    struct found_block found;

    assert_false(block_find(&model, address, &found));
}

static void test_heap(void **unused)
{
    (void)unused;
    expect_none(0x1000);
    for (uint64_t i = 0; i < 5000; i++)
        record(RECORD_ALLOC, 0, 0x100000 + i * 64, 48, 0);
    record(RECORD_ALLOC, 0, 0x900000, 0, 0); /* malloc(0) has an address too */
    for (uint64_t i = 0; i < 5000; i += 7) {
        expect(0x100000 + i * 64, 0x100000 + i * 64, 48, DOMAIN_HEAP);
        expect(0x100000 + i * 64 + 47, 0x100000 + i * 64, 48, DOMAIN_HEAP);
        expect_none(0x100000 + i * 64 + 48);
    }
    expect_none(0xfffff);
    expect(0x900000, 0x900000, 0, DOMAIN_HEAP);
    expect_none(0x900001);
    record(RECORD_FREE, 0, 0x100000, 0, 0);
    expect_none(0x100000);
    expect_none(0x100001);
}

static void test_large(void **unused)
{
    uint64_t size = UINT64_C(5) << 32;

    (void)unused;
    record(RECORD_ALLOC, RECORD_BIG, 0x7000000000, size, 0);
    expect(0x7000000000, 0x7000000000, size, DOMAIN_HEAP);
    expect(0x7000000000 + size - 1, 0x7000000000, size, DOMAIN_HEAP);
    expect_none(0x7000000000 + size);
}

/* A mapping with a heap block in it, in which lies a pool's block: the smallest is meant. */
static void test_nested(void **unused)
{
    (void)unused;
    record(RECORD_MMAP, 0, 0x200000, 0x10000, 0);
    expect(0x20ffff, 0x200000, 0x10000, DOMAIN_MMAP);
    expect_none(0x210000);
    record(RECORD_ALLOC, 0, 0x201000, 4096, 0);
    expect(0x201000, 0x201000, 4096, DOMAIN_HEAP);
    expect(0x201fff, 0x201000, 4096, DOMAIN_HEAP);
    expect(0x202000, 0x200000, 0x10000, DOMAIN_MMAP);
    record(RECORD_DOMAIN_ALLOC, 0, 0x201000, 32, DOMAIN_BUILTIN);
    expect(0x20101f, 0x201000, 32, DOMAIN_BUILTIN);
    expect(0x201020, 0x201000, 4096, DOMAIN_HEAP);
}

/* An ignored block is still a block. */
static void test_ignored(void **unused)
{
    (void)unused;
    record(RECORD_ALLOC, 0, 0x3000, 10, 0);
    record(RECORD_IGNORE, 0, 0x3000, 0, 0);
    expect(0x3009, 0x3000, 10, DOMAIN_IGNORED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_heap),
        TEST(test_large),
        TEST(test_nested),
        TEST(test_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
