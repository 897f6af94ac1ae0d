// SPDX-License-Identifier: Apache-2.0
/*
 * Programs that are worth a finding, one for each kind, and some that look alike and
 * are not.  The argument chooses; the function that is to blame is called `culprit`.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MIB (1024 * 1024)
#define ROUNDS 20000

static void *kept[400000];
static void *volatile sink;

static void rest(int milliseconds)
{
    struct timespec pause = {.tv_sec = milliseconds / 1000,
                             .tv_nsec = (milliseconds % 1000) * 1000000L};

    nanosleep(&pause, NULL);
}

/* So that no pointer stays behind in a register or on the stack. */
__attribute__((noinline)) static void forget(void)
{
    char stack[20000];

    memset(stack, 0, sizeof stack);
    sink = stack;
    sink = NULL;
}

__attribute__((noinline)) static char *culprit(size_t size)
{
    char *block = malloc(size);

    memset(block, 1, size);
    return block;
}

/* ------------------------------------------------------------- worth a finding -- */

/* One in 100 takes the path that does not free. */
static void lost_on_path(void)
{
    for (int i = 0; i < 5000; i++) {
        char *block = culprit(200);

        if (i % 100 != 7)
            free(block);
    }
}

static void lost(void)
{
    for (int i = 0; i < 300; i++)
        sink = culprit(100);
}

static void cycle(void)
{
    for (int i = 0; i < 100; i++) {
        char **one = (char **)culprit(100), **other = (char **)culprit(100);

        one[0] = (char *)other;
        other[0] = (char *)one;
        sink = one;
    }
}

static void grows(void)
{
    for (int i = 0; i < 300; i++) {
        kept[i] = culprit(1000);
        rest(10);
    }
}

static void churn(void)
{
    for (int i = 0; i < ROUNDS; i++)
        free(culprit(64));
    for (int i = 0; i < ROUNDS; i++)
        kept[i] = malloc(40);
}

static void copy(void)
{
    kept[0] = malloc(8 * MIB);
    memset(kept[0], 2, 8 * MIB);
    rest(400);
    kept[1] = culprit(8 * MIB);
    rest(20);
    free(kept[1]);
    kept[1] = NULL;
    rest(800);
}

static void rounding(void)
{
    for (int i = 0; i < 400000; i++)
        kept[i] = culprit(1);
}

static void reserve(void)
{
    kept[0] = malloc(64 * MIB); /* and never touched */
    rest(600);
}

/* Of many blocks few stay, spread over all pages. */
static void pinned(void)
{
    for (int i = 0; i < 200000; i++)
        kept[i] = i % 100 ? malloc(200) : culprit(200);
    for (int i = 0; i < 200000; i++)
        memset(kept[i], 1, 200);
    rest(300);
    for (int i = 0; i < 200000; i++) {
        if (i % 100 == 0)
            continue;
        free(kept[i]);
        kept[i] = NULL;
    }
    rest(600);
}

static void mapped(void)
{
    char *map = mmap(NULL, 40 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(map, 1, 40 * MIB);
    rest(300);
    kept[0] = map;
}

/* --------------------------------------------------------------- and what is not -- */

/* Grows, and levels off. */
static void cache(void)
{
    for (int i = 0; i < 300; i++) {
        int at = i < 60 ? i : i % 60;

        free(kept[at]);
        kept[at] = malloc(4000);
        memset(kept[at], 1, 4000);
        rest(10);
    }
}

/* Large and used, from the start to the end. */
static void table(void)
{
    kept[0] = malloc(30 * MIB);
    memset(kept[0], 1, 30 * MIB);
    rest(400);
}

/* Much in large pieces, freed at once. */
static void arena(void)
{
    for (int i = 0; i < 20; i++) {
        kept[i] = malloc(MIB);
        memset(kept[i], 1, MIB);
        rest(20);
    }
    for (int i = 0; i < 20; i++)
        free(kept[i]);
}

/* Address space and a file, mapped on purpose, beside a heap. */
static void maps(void)
{
    FILE *file = fopen("/proc/self/exe", "r");

    kept[0] =
        mmap(NULL, (size_t)64 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    kept[1] = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fileno(file), 0);
    kept[2] = malloc(30 * MIB);
    memset(kept[2], 1, 30 * MIB);
    rest(400);
    fclose(file);
}

/* A string that is built piece by piece. */
static void builder(void)
{
    char *text = NULL;
    size_t length = 0;

    for (int i = 0; i < 3000; i++) {
        text = realloc(text, length + 100);
        memset(text + length, 'x', 100);
        length += 100;
    }
    free(text);
}

/* Each of many lists lives until its end. */
static void lists(void)
{
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 500; i++)
            kept[i] = culprit(100 + (size_t)i % 64);
        for (int i = 0; i < 500; i++)
            free(kept[i]);
    }
    memset(kept, 0, 500 * sizeof *kept);
}

static const struct {
    const char *name;
    void (*run)(void);
} programs[] = {
    {"lost-on-error-path", lost_on_path},
    {"lost", lost},
    {"cycle", cycle},
    {"grows", grows},
    {"churn", churn},
    {"temporary-copy", copy},
    {"rounding", rounding},
    {"over-reserve", reserve},
    {"pinned-pages", pinned},
    {"not-heap", mapped},
    {"cache", cache},
    {"table", table},
    {"arena", arena},
    {"maps", maps},
    {"builder", builder},
    {"lists", lists},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof *programs; i++) {
        if (strcmp(argv[1], programs[i].name) != 0)
            continue;
        programs[i].run();
        sink = NULL;
        forget();
        return 0;
    }
    return 2;
}
