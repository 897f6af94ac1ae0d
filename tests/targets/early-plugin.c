// SPDX-License-Identifier: Apache-2.0
/*
 * A library whose constructor allocates a good deal: linked to, or preloaded.  With EARLY_ABORT in
 * the environment it aborts before that.
 */
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void library_constructor(void)
{
    char *p = NULL;

    for (int i = 0; i < 300; i++) {
        free(p);
        p = calloc(1, 500);
        p = realloc(p, 1000);
        memset(p, 1, 1000);
    }
    for (int i = 0; i < 200; i++)
        __asm__ volatile("" : : "r"(malloc(1000)) : "memory");
}

__attribute__((constructor(101))) static void construct(void)
{
    if (getenv("EARLY_ABORT"))
        abort();
    library_constructor();
}
