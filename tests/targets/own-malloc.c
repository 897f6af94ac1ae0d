// SPDX-License-Identifier: Apache-2.0
/*
 * A program with an allocator of its own, which no preloaded library can see.  As
 * jemalloc does, it maps its memory at the first call, under a lock that it
 * cannot take twice.
 */
#include "tally.h"

#include <pthread.h>
#include <sys/mman.h>

#define HEAP_BYTES ((size_t)1 << 20)

static char *heap;
static size_t used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void set_up(void)
{
    pthread_mutex_lock(&lock);
    if (!heap)
        heap = mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_unlock(&lock);
}

void *malloc(size_t size)
{
    size_t at;

    set_up();
    at = used;
    size = (size + 31) & ~(size_t)15;
    if (size > HEAP_BYTES - at)
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

/* The first call comes before any constructor, as the loader's own do. */
static void first_call(void)
{
    KEEP(malloc(1));
}
__attribute__((section(".preinit_array"),
               used)) static void (*before_constructors)(void) = first_call;

int main(void)
{
    for (int i = 0; i < 100; i++)
        KEEP(malloc(100));
    say("used", (long long)used >= 10000);
    return 5;
}
