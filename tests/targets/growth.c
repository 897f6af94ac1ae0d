// SPDX-License-Identifier: Apache-2.0
/*
 * Functions whose memory takes its own course each, for so many seconds: one that
 * keeps all it allocates, one that fills a cache and then replaces entries, one
 * that allocates its table at once, one that frees what it allocates, and one that
 * keeps all and frees it at the end.  `quiet` leaves out those that grow.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CACHE 400
#define STEP_NS 5000000L

struct entry {
    struct entry *next;
    char text[200];
};

static struct entry *kept, *freed_later;
static void *cache[CACHE];
static char *table;

static void keep_all(void)
{
    struct entry *entry = malloc(sizeof *entry);

    entry->next = kept;
    kept = entry;
}

static void keep_until_end(void)
{
    struct entry *entry = malloc(sizeof *entry);

    entry->next = freed_later;
    freed_later = entry;
}

static void use_cache(int step, int steps)
{
    /* filled within the first quarter */
    int filled = 4 * step * CACHE / steps, at = filled < CACHE ? filled : rand() % CACHE;

    for (int i = 0; i < CACHE; i++) {
        if (i == at)
            free(cache[i]);
        if (i == at || (i < at && !cache[i]))
            cache[i] = malloc(300);
    }
}

static void make_table(void)
{
    table = malloc(500000);
    memset(table, 1, 500000);
}

static void work(int step)
{
    char *text[20];

    for (int i = 0; i < 20; i++)
        text[i] = malloc(100 + (size_t)(step * 7 % 50));
    for (int i = 0; i < 20; i++)
        free(text[i]);
}

static void free_at_end(void)
{
    while (freed_later) {
        struct entry *next = freed_later->next;

        free(freed_later);
        freed_later = next;
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 4;
    bool quiet = argc > 2 && strcmp(argv[2], "quiet") == 0;
    int steps = (int)(seconds * 1e9 / (double)STEP_NS);
    struct timespec pause = {.tv_nsec = STEP_NS};

    make_table();
    for (int step = 0; step < steps; step++) {
        if (!quiet) {
            keep_all();
            keep_until_end();
        }
        use_cache(step, steps);
        work(step);
        nanosleep(&pause, NULL);
    }
    free_at_end();
    printf("steps=%d\n", steps);
    return 0;
}
