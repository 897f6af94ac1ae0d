/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a target states what a leak search must find of the blocks that it made
 * itself: by kind (definite, indirect, possible, weak, reachable), as
 *
 *     definite_blocks=1
 *     definite_bytes=32
 *
 * Blocks are made by make_block alone (and functions of names that begin so), so that the test can
 * tell them from the libraries' by their stacks, and are filled with what looks like no pointer.
 */
#ifndef MEMPROF_TESTS_TARGETS_LEAKS_H
#define MEMPROF_TESTS_TARGETS_LEAKS_H

#include "tally.h"

enum expected { DEFINITE, INDIRECT, POSSIBLE, WEAK, REACHABLE, EXPECTED };

struct expectation {
    uint64_t blocks, bytes;
};

static struct expectation expectations[EXPECTED];

static inline void expect(enum expected kind, uint64_t blocks, uint64_t bytes)
{
    expectations[kind].blocks += blocks;
    expectations[kind].bytes += bytes;
}

static inline void expect_state(void)
{
    static const char *const names[] = {"definite", "indirect", "possible", "weak", "reachable"};
    char line[128];

    for (int i = 0; i < EXPECTED; i++)
        put(line, (size_t)snprintf(line, sizeof(line), "%s_blocks=%llu\n%s_bytes=%llu\n", names[i],
                                   (unsigned long long)expectations[i].blocks, names[i],
                                   (unsigned long long)expectations[i].bytes));
}

NOINLINE static void *make_block(size_t size)
{
    void *block = malloc(size);

    memset(block, 0x11, size);
    KEEP(block);
    return block;
}

/* Overwrite what calls before have left on the stack below, and in the registers calls change. */
NOINLINE static void __attribute__((unused)) forget(void)
{
    char junk[8192];

    memset(junk, 0x22, sizeof(junk));
    KEEP(junk);
    __asm__ volatile("" : : : "memory");
}

#endif
