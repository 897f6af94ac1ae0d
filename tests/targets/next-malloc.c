// SPDX-License-Identifier: Apache-2.0
/*
 * A program with functions of the allocator in its executable that count and pass on to the
 * next, found by dlsym(RTLD_NEXT), as wrappers do.
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>

static void *(*next_malloc)(size_t);
static void (*next_free)(void *);
static long mallocs;

void *malloc(size_t size)
{
    if (!next_malloc)
        *(void **)&next_malloc = dlsym(RTLD_NEXT, "malloc");
    mallocs++;
    return next_malloc(size);
}

void free(void *p)
{
    if (!next_free)
        *(void **)&next_free = dlsym(RTLD_NEXT, "free");
    next_free(p);
}

NOINLINE static void work(struct tally *t)
{
    for (int i = 0; i < 1000; i++) {
        void *p = malloc(90);

        KEEP(p);
        tally_took(t, 90);
        if (i % 4) {
            free(p);
            tally_gave(t, 90);
        }
    }
}

int main(void)
{
    struct tally t = {0};
    long before = mallocs;

    work(&t);
    tally_say_flow(&t, "in.work.");
    return mallocs - before >= 1000 ? 0 : 1;
}
