// SPDX-License-Identifier: Apache-2.0
/* Every entry point of the allocator, a known number of times, one thread. */
#define _GNU_SOURCE
#include "tally.h"

#include <malloc.h>

static struct tally all;
static int failures;

/* C23; not in every libc. */
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

#define EACH 7

static void check(const void *p, size_t align, size_t size)
{
    failures += !p || (uintptr_t)p % align || malloc_usable_size((void *)(uintptr_t)p) < size;
}

/* Frees all but the last of EACH blocks, so that something stays alive. */
static void settle(struct tally *t, void **blocks, size_t size)
{
    for (int i = 0; i < EACH - 1; i++) {
        free(blocks[i]);
        tally_gave(t, size);
        tally_gave(&all, size);
    }
}

#define ENTRY(name, align, size, call)                                                             \
    NOINLINE static void use_##name(struct tally *t)                                               \
    {                                                                                              \
        void *blocks[EACH] = {0};                                                                  \
                                                                                                   \
        for (int i = 0; i < EACH; i++) {                                                           \
            void **p = &blocks[i];                                                                 \
            call;                                                                                  \
            check(*p, align, size);                                                                \
            tally_took(t, size);                                                                   \
            tally_took(&all, size);                                                                \
        }                                                                                          \
        settle(t, blocks, size);                                                                   \
    }

ENTRY(malloc, 16, 100, *p = malloc(100))
ENTRY(calloc, 16, 12 * 9, *p = calloc(12, 9))
ENTRY(realloc_new, 16, 333, *p = realloc(NULL, 333))
ENTRY(reallocarray_new, 16, 21 * 5, *p = reallocarray(NULL, 21, 5))
ENTRY(memalign, 256, 1000, *p = memalign(256, 1000))
ENTRY(aligned_alloc, 64, 640, *p = aligned_alloc(64, 640))
ENTRY(posix_memalign, 4096, 77, failures += posix_memalign(p, 4096, 77) != 0)
ENTRY(valloc, 4096, 50, *p = valloc(50))
ENTRY(pvalloc, 4096, 60, *p = pvalloc(60))
ENTRY(strdup, 1, 12, *p = strdup("eleven char"))
ENTRY(zero, 1, 0, *p = malloc(0))
ENTRY(big, 16, (size_t)3 << 20, *p = malloc((size_t)3 << 20))

static void state(const char *name, void (*use)(struct tally *))
{
    struct tally t = {0};
    char prefix[64];

    use(&t);
    snprintf(prefix, sizeof prefix, "in.use_%s.", name);
    tally_say_flow(&t, prefix);
}

static void use_sized_frees(void)
{
    if (free_sized && free_aligned_sized) {
        void *p = malloc(48), *q = aligned_alloc(32, 96);

        tally_took(&all, 48);
        tally_took(&all, 96);
        free_sized(p, 48);
        tally_gave(&all, 48);
        free_aligned_sized(q, 32, 96);
        tally_gave(&all, 96);
    }
}

int main(void)
{
#define USE(name) state(#name, use_##name)
    USE(malloc);
    USE(calloc);
    USE(realloc_new);
    USE(reallocarray_new);
    USE(memalign);
    USE(aligned_alloc);
    USE(posix_memalign);
    USE(valloc);
    USE(pvalloc);
    USE(strdup);
    USE(zero);
    USE(big);
    use_sized_frees();
    free(NULL);
    tally_say(&all, "");
    return failures ? 1 : 0;
}
