// SPDX-License-Identifier: Apache-2.0
/*
 * Allocations before main: in the program's constructors (256 KB), in the
 * resolver of an indirect function, and a fork before main.  They are counted,
 * or said to have been missed.
 */
#include "tally.h"

#include <sys/wait.h>

static struct tally t;
static void *from_resolver;

static int answer(void)
{
    return 42;
}

#ifdef __x86_64__
/* Runs while the program is being relocated. */
__attribute__((used)) static int (*resolve(void))(void)
{
    from_resolver = malloc(99);
    return answer;
}
int indirect(void) __attribute__((ifunc("resolve")));
#else
static int indirect(void)
{
    from_resolver = malloc(99);
    return answer();
}
#endif

NOINLINE static void program_constructor(void)
{
    for (int i = 0; i < 256; i++) {
        KEEP(malloc(1024));
        tally_took(&t, 1024);
    }
}

__attribute__((constructor(102))) static void first(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        KEEP(malloc(5));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

__attribute__((constructor)) static void second(void)
{
    program_constructor();
}

int main(void)
{
    int bad = indirect() != 42;

    if (!from_resolver)
        bad = 1;
    free(from_resolver);
    tally_say_flow(&t, "in.program_constructor.");
    return bad;
}
