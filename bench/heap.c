// SPDX-License-Identifier: Apache-2.0
/*
 * A program with a large heap of small blocks, to be searched for leaks (bench/search).
 *
 *   heap BLOCKS
 *
 * BLOCKS blocks of 48 to 144 bytes in lists that hang on a table, each with a pointer to
 * another one; it says "ready", and until a line comes measures the longest time in
 * which it did not run.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct node {
    struct node *next, *other;
};

static struct node **table;

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill(size_t blocks)
{
    size_t heads = blocks / 4 + 1;
    uint64_t random = 88172645463325252u;

    table = calloc(heads, sizeof *table);
    for (size_t i = 0; table && i < blocks; i++) {
        size_t size = 48 + i % 7 * 16;
        struct node *node = malloc(size), **head = &table[random_next(&random) % heads];

        if (!node)
            exit(1);
        memset(node, 0, size);
        node->next = *head;
        node->other = table[random_next(&random) % heads];
        *head = node;
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double longest_pause(void)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    double last = now(), longest = 0;

    while (poll(&input, 1, 1) == 0) {
        double time = now();

        longest = time - last > longest ? time - last : longest;
        last = time;
    }
    return longest;
}

int main(int argc, char **argv)
{
    fill(argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000);
    printf("%d ready\n", (int)getpid());
    fflush(stdout);
    printf("%.3f\n", longest_pause());
    fflush(stdout);
    _exit(0);
}
