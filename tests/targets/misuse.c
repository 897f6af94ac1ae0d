// SPDX-License-Identifier: Apache-2.0
/*
 * Memory misused in one way each, as the argument says.  Only for --allocator=pool-debug: elsewhere
 * this may do anything.
 */
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

/* C23; found in memprof's library where libc has none. */
extern void free_sized(void *, size_t) __attribute__((weak));

NOINLINE static char *make(size_t size)
{
    char *p = malloc(size);

    memset(p, 1, size);
    return p;
}

NOINLINE static void end(void *p)
{
    free(p);
}

NOINLINE static void end_again(void *p)
{
    free(p);
}

NOINLINE static void end_sized(void *p, size_t size)
{
    if (free_sized)
        free_sized(p, size);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    char *volatile p, variable[64];

    p = make(size);
    if (!strcmp(what, "double-free")) {
        end(p);
        end_again(p);
    } else if (!strcmp(what, "overrun")) {
        p[size] = 0x55;
        end(p);
    } else if (!strcmp(what, "underrun")) {
        p[-1] = 0x55;
        end(p);
    } else if (!strcmp(what, "use-after-free")) {
        end(p);
        p[size / 2] = 0x55;
    } else if (!strcmp(what, "wrong-size")) {
        end_sized(p, size + 8);
    } else if (!strcmp(what, "foreign")) {
        end(p);
        p = variable + 16 - (size_t)variable % 16;
        end(p);
    } else if (!strcmp(what, "inside")) {
        end(p + 16);
    } else if (!strcmp(what, "nothing")) {
        end(p);
    } else {
        return 2;
    }
    return 0;
}
