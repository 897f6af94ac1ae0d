// SPDX-License-Identifier: Apache-2.0
/*
 * Blocks whose holders are known, for questions about single ones.  It states the address of
 * each (at_NAME) and waits for the end of its input if it is given an argument:
 *
 *   table     4096 bytes, held by the global `cache` + 8
 *   entry       64 bytes, by table + 0x20; and by the stack of the thread 'keeper', if that runs
 *   name        32 bytes, by entry + 8
 *   inner       48 bytes, by entry + 16, which points to its inside
 *   ring_a...c 100 bytes, lost: each holds the next at 0, the last the first
 *   tail        16 bytes, lost with them: by ring_c + 24
 *   alone       24 bytes, lost
 *   twins      10 times 200 bytes, all alike, by table + 0x100 and on
 */
#define _GNU_SOURCE /* pthread_setname_np */
#include "leaks.h"

#include <pthread.h>

#define TWINS 10

static struct {
    uint64_t before;
    void **table;
} cache;

static void state(const char *name, const void *block)
{
    char line[64];

    put(line, (size_t)snprintf(line, sizeof line, "at_%s=%llu\n", name,
                               (unsigned long long)(uintptr_t)block));
}

/* A block of `size` bytes, to which the word at `place` points from now on. */
NOINLINE static void **hold(void **place, const char *name, size_t size)
{
    void **block = make_block(size);

    *place = block;
    state(name, block);
    return block;
}

NOINLINE static void make_held(void)
{
    void **entry, *inner;

    hold((void **)&cache.table, "table", 4096);
    entry = hold(&cache.table[4], "entry", 64);
    hold(&entry[1], "name", 32);
    hold(&inner, "inner", 48);
    entry[2] = (char *)inner + 24;
    for (int i = 0; i < TWINS; i++)
        hold(&cache.table[32 + i], "twin", 200);
}

NOINLINE static void make_lost(void)
{
    void *first, **block;

    block = hold(&first, "ring_a", 100);
    block = hold(&block[0], "ring_b", 100);
    block = hold(&block[0], "ring_c", 100);
    block[0] = first;
    hold(&block[3], "tail", 16);
    hold(&first, "alone", 24);
}

/* Its stack holds the entry while it waits; it allocates nothing. */
static void *keep(void *unused)
{
    void *volatile entry = cache.table[4];
    char c;

    (void)unused;
    pthread_setname_np(pthread_self(), "keeper");
    put("ready=1\n", 8);
    while (read(0, &c, 1) > 0)
        ;
    return entry;
}

int main(int argc, char **argv)
{
    pthread_t keeper;

    (void)argv;
    make_held();
    make_lost();
    forget();
    if (argc > 1 && pthread_create(&keeper, NULL, keep, NULL) == 0)
        pthread_join(keeper, NULL);
    return 0;
}
