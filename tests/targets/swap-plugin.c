// SPDX-License-Identifier: Apache-2.0
/*
 * Built twice, as two libraries whose code has the same length at the same
 * offsets and whose frames differ: a rule that was learnt in one is wrong in
 * the other when that is mapped at the same address.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if SWAP_PLUGIN == 1
#define NAME(x) one_##x
#define ROOM 24
#else
#define NAME(x) two_##x
#define ROOM 104
#endif

void NAME(plugin)(size_t size);

__attribute__((noinline)) static void NAME(inner)(size_t size)
{
    volatile char room[ROOM];
    void *p;

    room[0] = 1;
    p = malloc(size);
    memset(p, room[0], size);
    __asm__ volatile("" : : "r"(p), "r"(room) : "memory");
}

__attribute__((noinline)) static void NAME(middle)(size_t size)
{
    volatile char room[ROOM];

    room[0] = 1;
    NAME(inner)(size);
    __asm__ volatile("" : : "r"(room) : "memory");
}

void NAME(plugin)(size_t size)
{
    volatile char room[ROOM];

    room[0] = 1;
    NAME(middle)(size);
    __asm__ volatile("" : : "r"(room) : "memory");
}
