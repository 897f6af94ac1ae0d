/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of unwind rules: that it grows as rules are kept, gives none for another key, and
 * forgets what it is to forget, also while several threads make it grow.
 */
#include "preload/cficopy.h"
#include "preload/modules.h"
#include "preload/rules.h"
#include "preload/session.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS 20000u
#define FEW 200u
#define THREADS 4u
#define CODE UINT64_C(0x7f0000001000)
#define CODE_BYTES (UINT64_C(64) << 20)

/* What rules.c asks of the rest of the preload library: code whose generation tells its place. */
struct session session;

static uint32_t generation_of(uint64_t pc)
{
    return (uint32_t)((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & FRAME_GENERATION_MASK;
}

enum module_result module_find(uint64_t pc, struct cfi_module *module, uint32_t *generation)
{
    *module = (struct cfi_module){.start = CODE, .end = CODE + CODE_BYTES};
    *generation = generation_of(pc + 1);
    return MODULE_FOUND;
}

enum cfi_result cficopy_find_row(const struct cfi_module *m, uint64_t pc, struct cfi_row *row)
{
    return cfi_find_row(m, pc, row);
}

static uint64_t keys[KEYS];

static uint64_t rule_of(uint64_t key)
{
    return RULE_STOP | (uint64_t)generation_of(key) << FRAME_GENERATION_SHIFT;
}

static int set_up(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (uint32_t i = 0; i < KEYS; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        keys[i] = CODE + (random >> 33) % CODE_BYTES;
    }
    bump_init(&session.tables);
    return rules_init() ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    bump_release(&session.tables);
    return 0;
}

/* The rules that are in the table; each must be its key's. */
static uint32_t count_kept(uint32_t from, uint32_t to)
{
    uint32_t kept = 0;

    for (uint32_t i = from; i < to; i++) {
        uint64_t rule = rule_get(keys[i]);

        if (rule == RULE_NONE)
            continue;
        assert_int_equal(rule, rule_of(keys[i]));
        kept++;
    }
    return kept;
}

static void make(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (rule_get(keys[i]) == RULE_NONE && rule_make(keys[i]) != rule_of(keys[i]))
            abort();
}

static void test_grows(void **unused)
{
    (void)unused;
    make(0, FEW);
    assert_int_equal(rule_mask, (1u << RULE_BITS_FIRST) - 1);
    assert_int_equal(count_kept(0, FEW), FEW);
    make(FEW, KEYS);
    assert_true(rule_mask >= 2 * KEYS);
    assert_true(rule_mask < 1u << RULE_BITS);
    /* one that finds eight others in its places may go */
    assert_in_range(count_kept(0, KEYS), KEYS - KEYS / 1000, KEYS);
}

static void test_forgets(void **unused)
{
    uint64_t middle = CODE + CODE_BYTES / 2;

    (void)unused;
    make(0, KEYS);
    rules_forget(middle, CODE + CODE_BYTES);
    for (uint32_t i = 0; i < KEYS; i++)
        if (keys[i] >= middle)
            assert_int_equal(rule_get(keys[i]), RULE_NONE);
        else if (rule_get(keys[i]) != RULE_NONE)
            assert_int_equal(rule_get(keys[i]), rule_of(keys[i]));
    assert_true(count_kept(0, KEYS) > KEYS / 3);
}

static void *make_all(void *context)
{
    uint32_t first = (uint32_t)(uintptr_t)context * (KEYS / THREADS);

    make(first, KEYS);
    make(0, first);
    return NULL;
}

static void test_threads(void **unused)
{
    pthread_t threads[THREADS];

    (void)unused;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_all, (void *)i), 0);
    for (uint32_t i = 0; i < 50; i++)
        rules_forget(CODE, CODE + CODE_BYTES / 8);
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    make(0, KEYS);
    assert_in_range(count_kept(0, KEYS), KEYS - KEYS / 1000, KEYS);
    rules_forget(CODE, CODE + CODE_BYTES);
    assert_int_equal(count_kept(0, KEYS), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(test_grows), TEST(test_forgets), TEST(test_threads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
