// SPDX-License-Identifier: Apache-2.0
/* A program with an allocator of its own, which no preloaded library can see. */
#include "tally.h"

static _Alignas(16) char heap[1 << 20];
static size_t used;

void *malloc(size_t size)
{
    size_t at = used;

    size = (size + 31) & ~(size_t)15;
    if (size > sizeof heap - at)
        return NULL;
    used += size;
    *(size_t *)(void *)(heap + at) = size - 16;
    return heap + at + 16;
}

void free(void *p)
{
    (void)p;
}

void *calloc(size_t n, size_t each)
{
    void *p = malloc(n * each);

    return p ? memset(p, 0, n * each) : NULL;
}

void *realloc(void *p, size_t size)
{
    void *q = malloc(size);

    if (p && q)
        memcpy(q, p, size < ((size_t *)p)[-2] ? size : ((size_t *)p)[-2]);
    return q;
}

int main(void)
{
    for (int i = 0; i < 100; i++)
        KEEP(malloc(100));
    say("used", (long long)used >= 10000);
    return 5;
}
