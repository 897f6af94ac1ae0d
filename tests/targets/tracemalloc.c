// SPDX-License-Identifier: Apache-2.0
/*
 * Goes through the interface of Python's tracemalloc on its own allocations and
 * states what each call must have shown.  "clear" forgets everything at the end,
 * "wait" names a live block and waits for a line of input.
 */
#include <memprof.h>
#include "tally.h"

#include "tracemalloc-other.h"

#define MANY 100
#define FEW 10

static void *many[MANY], *few[FEW], *deep, *unseen, *after_clear;
static char pool[4096];

NOINLINE static void keep_many(void)
{
    for (int i = 0; i < MANY; i++)
        many[i] = malloc(1000);
}

NOINLINE static void keep_few(void)
{
    for (int i = 0; i < FEW; i++)
        few[i] = other_file(5000);
}

NOINLINE static void recurse(int levels)
{
    if (levels)
        recurse(levels - 1);
    else
        deep = malloc(3000);
    KEEP(deep);
}

struct traced {
    size_t current, peak;
    int result;
};

static struct traced traced(void)
{
    struct traced t = {0, 0, 0};

    t.result = memprof_get_traced_memory(&t.current, &t.peak);
    return t;
}

/* get_traced_memory and reset_peak, by numbers that do not depend on what libc allocated before. */
static void memory(void)
{
    struct traced before = traced(), with, without, reset;
    void *block = malloc(100000);

    KEEP(block);
    with = traced();
    free(block);
    without = traced();
    memprof_reset_peak();
    reset = traced();
    say("traced.result", (long long)before.result);
    say("traced.grew", (long long)(with.current - before.current));
    say("traced.after", (long long)(without.current - before.current));
    say("traced.peak", (long long)(without.peak - before.current));
    say("traced.reset", (long long)(reset.peak - reset.current));
}

static void snapshots(void)
{
    memprof_snapshot("before");
    keep_many();
    keep_few();
    recurse(5);
    memprof_mark("all there");
    memprof_snapshot("after");
    for (int i = 0; i < MANY / 2; i++)
        free(many[i]);
    memprof_snapshot("half");
}

static void stopped(void)
{
    int tracing = memprof_is_tracing(), not_tracing;

    memprof_stop();
    not_tracing = memprof_is_tracing();
    unseen = malloc(7777);
    KEEP(unseen);
    memprof_start();
    say("tracing", (long long)tracing);
    say("tracing.stopped", (long long)not_tracing);
    say("tracing.again", (long long)memprof_is_tracing());
}

static void domains(void)
{
    int tokens = memprof_domain("tokens");

    for (int i = 0; i < 8; i++)
        memprof_alloc(tokens, pool + i * 100, 100);
    for (int i = 0; i < 3; i++)
        memprof_free(tokens, pool + i * 100);
}

static void overhead(void)
{
    size_t target = 0, host = 0;
    int result = memprof_get_overhead(&target, &host);

    say("overhead.result", result);
    say("overhead", target > 0 && host > 0);
}

static void cleared(void)
{
    struct traced t;

    memprof_clear_traces();
    after_clear = malloc(4242);
    t = traced();
    KEEP(after_clear);
    say("cleared.current", (long long)t.current);
    say("cleared.peak", (long long)t.peak);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IONBF, 0);
    memory();
    snapshots();
    stopped();
    domains();
    overhead();
    if (strcmp(mode, "clear") == 0)
        cleared();
    if (strcmp(mode, "wait") == 0) {
        printf("block=%p\n", (void *)((char *)many[MANY - 1] + 10));
        printf("unseen=%p\n", unseen);
        while (read(0, pool, sizeof pool) > 0)
            ;
    }
    return 0;
}
