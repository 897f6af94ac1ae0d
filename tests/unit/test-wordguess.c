// SPDX-License-Identifier: Apache-2.0
/* Words that refer to blocks, guessed of blocks of this process. */
#include "src/host/search/wordguess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKS 20000u
#define WORDS 8u /* of a block */

static uint64_t *memory;
static struct livetable live;

/* Blocks of 64 bytes of which `pointers` words refer to the next but one, and one to nothing. */
static void make_blocks(uint32_t pointers)
{
    livetable_init(&live);
    memory = calloc(BLOCKS, WORDS * sizeof(*memory));
    assert_non_null(memory);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint64_t *words = memory + (size_t)i * WORDS;
        struct livetable_block old,
            b = {.address = (uint64_t)(uintptr_t)words, .size = WORDS * 8, .site = 1};

        words[7] = i;
        for (uint32_t k = 0; k < pointers; k++)
            words[k] = (uint64_t)(uintptr_t)(memory + (size_t)BLOCKS / 2 * WORDS);
        assert_int_equal(livetable_put(&live, livetable_hash(b.address), &b, &old),
                         LIVETABLE_ADDED);
    }
}

static void forget_blocks(void)
{
    livetable_release(&live);
    free(memory);
}

static void as_many_as_there_are(void **state)
{
    (void)state;
    for (uint32_t pointers = 0; pointers < 4; pointers++) {
        make_blocks(pointers);
        assert_int_equal(wordguess(&live, getpid()), pointers * BLOCKS);
        forget_blocks();
    }
}

static void two_a_block_where_nothing_can_be_read(void **state)
{
    (void)state;
    make_blocks(1);
    assert_int_equal(wordguess(&live, 0x7ffffffe), 2 * BLOCKS);
    forget_blocks();
}

static void none_of_no_blocks(void **state)
{
    (void)state;
    livetable_init(&live);
    assert_int_equal(wordguess(&live, getpid()), 0);
    livetable_release(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_there_are),
        cmocka_unit_test(two_a_block_where_nothing_can_be_read),
        cmocka_unit_test(none_of_no_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
