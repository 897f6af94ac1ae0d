/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/block.h"
#include "src/shared/guarded.h"
#include "src/shared/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct guarded_fault last;
static unsigned reported;
static long backing; /* blocks that the allocator underneath has given out */
static bool refuse;

static void *get(size_t alignment, size_t size)
{
    void *memory = NULL;

    if (!refuse && posix_memalign(&memory, alignment, size) == 0)
        __atomic_add_fetch(&backing, 1, __ATOMIC_RELAXED);
    return memory;
}

static void put(void *memory)
{
    __atomic_sub_fetch(&backing, 1, __ATOMIC_RELAXED);
    free(memory);
}

static void report(const struct guarded_fault *fault)
{
    last = *fault;
    reported++;
}

static int set_up(void **state)
{
    static const struct guarded_setup setup = {get, put, report};

    (void)state;
    return guarded_init(&setup) ? 0 : 1;
}

/* The compiler must not see what is done to a block. */
static void *hidden(void *volatile block)
{
    return block;
}
static void poke(void *block, ptrdiff_t offset, unsigned char value)
{
    ((unsigned char *)hidden(block))[offset] = value;
}

/* Exactly one fault of that kind since the last call, with those stacks. */
static void expect(enum guarded_kind kind, const void *block, uint32_t allocated_at,
                   uint32_t freed_at, uint32_t noticed_at)
{
    assert_int_equal(reported, 1);
    reported = 0;
    assert_int_equal(last.kind, kind);
    assert_ptr_equal(last.block, block);
    assert_int_equal(last.allocated_at, allocated_at);
    assert_int_equal(last.freed_at, freed_at);
    assert_int_equal(last.noticed_at, noticed_at);
}

static const size_t sizes[] = {1, 24, 448, 449, 5000, 20000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void blocks_are_clean_and_usable(void **state)
{
    (void)state;
    for (size_t size = 0; size < 1200; size++) {
        unsigned char *b = guarded_alloc(size, 16, false, 1), *zeroed;

        assert_non_null(b);
        assert_int_equal((uintptr_t)b % 16, 0);
        assert_int_equal(guarded_size(b), size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(b[i], GUARDED_CLEAN);
        memset(b, 7, size);
        zeroed = guarded_alloc(size, 16, true, 1);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(zeroed[i], 0);
        assert_true(guarded_free(b, 2) && guarded_free(zeroed, 2));
    }
    for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
        void *b = guarded_alloc(100, alignment, false, 1);

        assert_int_equal((uintptr_t)b % alignment, 0);
        assert_true(guarded_free_sized(b, 100, 2));
    }
    assert_null(guarded_alloc(SIZE_MAX, 16, false, 1));
    assert_null(guarded_alloc(SIZE_MAX - 63, 16, false, 1));
    assert_int_equal(guarded_check(3), 0);
    guarded_flush(3);
    assert_int_equal(reported, 0);
    assert_int_equal(backing, 0);
}

static void realloc_moves_and_keeps(void **state)
{
    unsigned char *b = guarded_alloc(10, 16, false, 1), *c;

    (void)state;
    for (size_t size = 20; size < 40000; size *= 3) {
        memset(b, 9, 10);
        c = guarded_realloc(b, size, 2);
        assert_ptr_not_equal(c, b);
        assert_memory_equal(c, "\t\t\t\t\t\t\t\t\t\t", 10);
        assert_int_equal(c[10], size == 20 ? GUARDED_CLEAN : c[10]);
        b = c;
    }
    refuse = true;
    assert_null(guarded_realloc(b, 100000, 2));
    refuse = false;
    assert_int_equal(b[9], 9);
    assert_true(guarded_free(b, 3));
    assert_int_equal(reported, 0);
}

static void a_double_free_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES - 1; i++) {
        void *b = hidden(guarded_alloc(sizes[i], 16, false, 11));

        assert_true(guarded_free(b, 12));
        assert_false(guarded_free(b, 13));
        expect(GUARDED_DOUBLE_FREE, b, 11, 12, 13);
        assert_int_equal(last.size, sizes[i]);
        assert_false(guarded_free_sized(b, sizes[i], 14));
        expect(GUARDED_DOUBLE_FREE, b, 11, 12, 14);
        assert_null(guarded_realloc(b, 5, 15));
        expect(GUARDED_DOUBLE_FREE, b, 11, 12, 15);
    }
}

/* In the pools a block that has left the quarantine is still known, until it is used again. */
static void a_late_double_free_is_found(void **state)
{
    void *b = hidden(guarded_alloc(100, 16, false, 11));
    void *large = hidden(guarded_alloc(5000, 16, false, 11));

    (void)state;
    guarded_free(b, 12);
    guarded_free(large, 12);
    guarded_flush(0);
    assert_false(guarded_free(b, 13));
    expect(GUARDED_DOUBLE_FREE, b, 11, 12, 13);
    assert_false(guarded_free(large, 13));
    expect(GUARDED_FOREIGN, large, 0, 0, 13);
}

static void an_overrun_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *b = guarded_alloc(sizes[i], 16, false, 21);

        poke(b, (ptrdiff_t)sizes[i], 0);
        assert_int_equal(guarded_check(22), 1);
        expect(GUARDED_OVERRUN, b, 21, 0, 22);
        assert_int_equal(last.offset, sizes[i]);
        assert_int_equal(last.found, 0);
        assert_int_equal(guarded_check(22), 0); /* once is enough */
        poke(b, (ptrdiff_t)sizes[i] + 15, 1);
        assert_true(guarded_free(b, 23));
        expect(GUARDED_OVERRUN, b, 21, 0, 23);
        assert_int_equal(last.offset, sizes[i] + 15);
    }
}

static void an_underrun_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *b = guarded_alloc(sizes[i], 16, false, 31);

        poke(b, -1, 0x77);
        assert_int_equal(guarded_check(32), 1);
        expect(GUARDED_UNDERRUN, b, 31, 0, 32);
        assert_int_equal(last.offset, -1);
        assert_int_equal(last.found, 0x77);
        assert_true(guarded_free(b, 33));
        assert_int_equal(reported, 0);
    }
    for (size_t i = 0; i < SIZES; i++) {
        static unsigned char *lost[SIZES]; /* with its head written over it is never given back */
        unsigned char *b = lost[i] = guarded_alloc(sizes[i], 16, false, 31);

        memset((unsigned char *)hidden(b) - 40, 0, 40);
        assert_false(guarded_free(b, 33));
        expect(GUARDED_UNDERRUN, b, 0, 0, 33);
    }
}

static void use_after_free_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES - 1; i++) {
        unsigned char *b = hidden(guarded_alloc(sizes[i], 16, false, 41));

        guarded_free(b, 42);
        poke(b, (ptrdiff_t)sizes[i] / 2, 5);
        assert_int_equal(guarded_check(43), 1);
        expect(GUARDED_USE_AFTER_FREE, b, 41, 42, 43);
        assert_int_equal(last.offset, sizes[i] / 2);
        assert_int_equal(last.found, 5);
    }
}

/* Without a check in between it is found when the block leaves the quarantine. */
static void use_after_free_is_found_in_passing(void **state)
{
    unsigned char *b = hidden(guarded_alloc(64, 16, false, 41));

    (void)state;
    guarded_free(b, 42);
    poke(b, 0, 5);
    for (unsigned i = 0; i < GUARDED_QUARANTINE; i++)
        guarded_free(guarded_alloc(64, 16, false, 44), 45);
    expect(GUARDED_USE_AFTER_FREE, b, 41, 42, 45);
}

static void a_wrong_size_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        void *b = guarded_alloc(sizes[i], 16, false, 51);

        assert_true(guarded_free_sized(b, sizes[i] + 1, 52));
        expect(GUARDED_WRONG_SIZE, b, 51, 0, 52);
        assert_int_equal(last.size, sizes[i]);
        assert_int_equal(last.given, sizes[i] + 1);
    }
}

static void foreign_pointers_are_found(void **state)
{
    static char variable[64] __attribute__((aligned(16)));
    char *b = guarded_alloc(200, 16, false, 61), *theirs = malloc(100);
    char *large = guarded_alloc(2000, 16, false, 61),
         *inside[] = {b + 16, b + 1, large + 16, b - 16};

    (void)state;
    assert_false(guarded_free(hidden(variable + 48), 62));
    expect(GUARDED_FOREIGN, variable + 48, 0, 0, 62);
    assert_false(guarded_free(hidden(theirs), 62));
    expect(GUARDED_FOREIGN, theirs, 0, 0, 62);
    for (size_t i = 0; i < 4; i++) {
        assert_false(guarded_free(hidden(inside[i]), 62));
        expect(GUARDED_FOREIGN, inside[i], 0, 0, 62);
    }
    assert_int_equal(guarded_size(variable + 48), 0);
    assert_true(guarded_free(b, 63) && guarded_free(large, 63));
    free(theirs);
    assert_int_equal(reported, 0);
}

static void *use_many(void *seed)
{
    uint64_t x = (uintptr_t)seed;
    void *blocks[64] = {0};
    size_t had[64] = {0};

    for (int i = 0; i < 60000; i++) {
        size_t k;

        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        k = x >> 58;
        if (blocks[k] && x % 7 == 0) {
            had[k] = (x >> 20) % 3000;
            blocks[k] = guarded_realloc(blocks[k], had[k], 3);
        } else if (blocks[k]) {
            guarded_free_sized(blocks[k], had[k], 2);
            blocks[k] = NULL;
        } else {
            had[k] = (x >> 20) % 3000;
            blocks[k] = guarded_alloc(had[k], x % 5 ? 16 : 64, false, 1);
            memset(blocks[k], 1, had[k]);
        }
    }
    for (int i = 0; i < 64; i++)
        if (blocks[i])
            guarded_free(blocks[i], 2);
    return NULL;
}

/* Checks while other threads allocate and free find nothing that is not there. */
static void checking_meanwhile_is_quiet(void **state)
{
    pthread_t threads[3];

    (void)state;
    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, use_many, (void *)(i + 1));
    for (int i = 0; i < 50; i++)
        guarded_check(9);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    guarded_flush(9);
    guarded_free(guarded_alloc(20000, 16, false, 1), 1); /* lets go of what was put off */
    assert_int_equal(reported, 0);
    assert_int_equal(backing, SIZES - 3); /* large blocks whose heads were overwritten */
}

/* As a check finds it that another thread is just giving to another class. */
static void a_pool_of_another_class_is_not_left(void **state)
{
    void *block = guarded_alloc(24, 16, false, 1);
    struct pool *p;
    uint16_t before;

    (void)state;
    assert_non_null(block);
    p = pool_of(block);
    before = p->block_bytes;
    p->block_bytes = UINT16_MAX; /* 2 MiB and more behind the pool */
    assert_int_equal(guarded_check(2), 0);
    p->block_bytes = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_clean_and_usable),
        cmocka_unit_test(realloc_moves_and_keeps),
        cmocka_unit_test(a_double_free_is_found),
        cmocka_unit_test(a_late_double_free_is_found),
        cmocka_unit_test(an_overrun_is_found),
        cmocka_unit_test(an_underrun_is_found),
        cmocka_unit_test(use_after_free_is_found),
        cmocka_unit_test(use_after_free_is_found_in_passing),
        cmocka_unit_test(a_wrong_size_is_found),
        cmocka_unit_test(foreign_pointers_are_found),
        cmocka_unit_test(checking_meanwhile_is_quiet),
        cmocka_unit_test(a_pool_of_another_class_is_not_left),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
