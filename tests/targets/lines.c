// SPDX-License-Identifier: Apache-2.0
/* States the very line of each allocation, inlined functions among them. */
#include "tally.h"

#define INLINE static inline __attribute__((always_inline))

static int line_plain, line_inner, line_outer, line_many;

static void place(const char *name, int line)
{
    char key[60], value[300];

    snprintf(key, sizeof key, "line.%s", name);
    snprintf(value, sizeof value, "lines.c:%d", line);
    say_text(key, value);
}

NOINLINE static void plain(void)
{
    void *p = malloc(1001);

    line_plain = __LINE__ - 2;
    KEEP(p);
}

INLINE void *inner(void)
{
    void *p = malloc(2002);

    line_inner = __LINE__ - 2;
    KEEP(p);
    return p;
}

NOINLINE static void outer(void)
{
    void *p = inner();

    line_outer = __LINE__ - 2;
    KEEP(p);
}

/* A call over two lines: it is where it begins. */
NOINLINE static void spread(void)
{
    void *volatile p;

    /* clang-format off */
    p = malloc(
        3003);
    /* clang-format on */
    line_many = __LINE__ - 3;
    KEEP(p);
}

int main(void)
{
    plain();
    outer();
    spread();
    place("plain", line_plain);
    place("inner", line_inner);
    place("outer", line_outer);
    place("spread", line_many);
    return 0;
}
