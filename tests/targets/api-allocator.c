/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with an allocator of its own, which reports its blocks to memprof while
 * it holds its lock, from before any constructor on.
 *
 *   api-allocator bare   memprof does not listen: nothing is left of having looked
 *
 * It says `failed=0` and, on lines before, which expectation was not met.
 */
#include "memprof.h"

#include "tests/targets/tally.h"

#include <stdint.h>

static int failed;
static int inside;      /* the lock, which is not recursive */
static long live;       /* blocks */
static int domain = -1; /* there is none before main */

static void expect(const char *what, long long got, long long wanted)
{
    char line[200];

    if (got == wanted)
        return;
    failed++;
    put(line,
        (size_t)snprintf(line, sizeof line, "not met: %s: %lld, not %lld\n", what, got, wanted));
}

void *malloc(size_t size)
{
    static _Alignas(16) char memory[1 << 20];
    static size_t used;
    void *block;

    if (inside || size > sizeof memory - used - 32) {
        expect("entered once", inside, 0);
        return NULL;
    }
    inside = 1;
    block = memory + used + 16;
    *(size_t *)(void *)(memory + used) = size;
    used += 16 + (size + 15) / 16 * 16;
    live++;
    memprof_alloc(domain, block, size);
    inside = 0;
    return block;
}

void free(void *block)
{
    if (!block)
        return;
    expect("entered once", inside, 0);
    inside = 1;
    live--;
    memprof_free(domain, block);
    inside = 0;
}

void *calloc(size_t count, size_t size)
{
    void *block = malloc(count * size); /* from memory that was never used */

    return block;
}

void *realloc(void *old, size_t size)
{
    char *block = malloc(size);
    size_t had = old ? ((size_t *)old)[-2] : 0;

    for (size_t i = 0; block && i < had && i < size; i++)
        block[i] = ((char *)old)[i];
    if (block)
        free(old);
    return block;
}

static void before_constructors(void)
{
    void *block = malloc(100);

    KEEP(block);
    free(block);
}
__attribute__((section(".preinit_array"),
               used)) static void (*const early)(void) = before_constructors;

int main(int argc, char **argv)
{
    int bare = argc > 1 && strcmp(argv[1], "bare") == 0;
    void *block;

    if (bare)
        expect("nothing is left of looking for memprof", live, 0);
    domain = memprof_domain("own");
    expect("a domain", domain > 0, !bare);
    block = malloc(1000);
    KEEP(block);
    free(malloc(50));
    say("domain.own.live_bytes", 1000);
    say("domain.own.total_bytes", 1050);
    say("failed", failed);
    return failed != 0;
}
