// SPDX-License-Identifier: Apache-2.0
/*
 * A program with an allocator of its own, which its libraries use because the executable
 * exports it: what libc allocates for strdup is seen, what the program calls itself is not.
 * With an argument it waits for the end of its standard input in between.
 */
#include "tally.h"

#define HEAP_BYTES ((size_t)1 << 20)

static _Alignas(16) char heap[HEAP_BYTES];
static size_t used;

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    size_t at = used;

    size = (size + 31) & ~(size_t)15;
    if (size > HEAP_BYTES - at)
        return NULL;
    used += size;
    *(size_t *)(void *)(heap + at) = size - 16;
    return heap + at + 16;
}

__attribute__((visibility("default"))) void free(void *p)
{
    (void)p;
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t each)
{
    void *p = malloc(n * each);

    return p ? memset(p, 0, n * each) : NULL;
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
    void *q = malloc(size);

    if (p && q)
        memcpy(q, p, size < ((size_t *)p)[-2] ? size : ((size_t *)p)[-2]);
    return q;
}

NOINLINE static void by_libc(int count)
{
    for (int i = 0; i < count; i++)
        KEEP(strdup("nineteen characters"));
}

NOINLINE static void by_itself(void)
{
    for (int i = 0; i < 10; i++)
        KEEP(malloc(100));
}

int main(int argc, char **argv)
{
    char byte;

    (void)argv;
    by_itself();
    say("ready", getpid());
    if (argc > 1)
        while (read(0, &byte, 1) > 0)
            continue;
    by_libc(12);
    by_itself();
    say("in.by_libc.total_blocks", 12);
    say("in.by_libc.total_bytes", 240);
    say("in.by_itself.total_blocks", 0);
    return 5;
}
