// SPDX-License-Identifier: Apache-2.0
/*
 * How long the search for leaks takes over a synthetic heap, and what it costs
 * in memory.
 *
 *   leakgraph [-n BLOCKS] [-m MEBIBYTES] [-p POINTERS] [-l PERCENT] [-d]
 *
 * BLOCKS blocks of 16 to 192 bytes fill MEBIBYTES; each holds POINTERS pointers
 * to others on average, one of them so that all but PERCENT of the heap hang
 * together in a random order, the rest to any; the other words are text, small
 * numbers and pointers to elsewhere.  Blocks are given in a random order.  -d
 * also computes the dominators.  Times are of the wall, of one thread.
 */
#include "src/host/graph/leakgraph.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define HEAP UINT64_C(0x7f0000000000)

struct bench {
    uint64_t blocks, bytes, pointers, lost_percent;
    bool dominators;
    uint8_t *memory;
    uint64_t *addresses; /* in the order in which they hang together */
    uint16_t *sizes;
    uint64_t random;
};

static uint64_t random_next(struct bench *b)
{
    /* xorshift64* */
    b->random ^= b->random >> 12;
    b->random ^= b->random << 25;
    b->random ^= b->random >> 27;
    return b->random * UINT64_C(2685821657736338717);
}

static uint64_t random_below(struct bench *b, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)random_next(b) * limit) >> 64);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const void *heap_bytes(void *context, uint64_t address, uint64_t *size)
{
    const struct bench *b = context;

    if (address < HEAP || address >= HEAP + b->bytes) {
        *size = address < HEAP ? HEAP - address : 0;
        return NULL;
    }
    *size = HEAP + b->bytes - address;
    return b->memory + (address - HEAP);
}

/* Sizes that fill the memory, as glibc would lay them out: multiples of 16 less 8. */
static void lay_out(struct bench *b)
{
    uint64_t at = 0;

    for (uint64_t i = 0; i < b->blocks; i++) {
        uint64_t room = (b->bytes - at) / (b->blocks - i);
        uint64_t chunk = 32 + random_below(b, room > 48 ? 2 * (room - 32) / 16 : 1) * 16;

        if (chunk > b->bytes - at)
            chunk = b->bytes - at;
        b->addresses[i] = HEAP + at;
        b->sizes[i] = (uint16_t)(chunk - 8);
        at += chunk;
    }
}

static void shuffle(struct bench *b)
{
    for (uint64_t i = b->blocks - 1; i > 0; i--) {
        uint64_t j = random_below(b, i + 1), address = b->addresses[i];
        uint16_t size = b->sizes[i];

        b->addresses[i] = b->addresses[j];
        b->sizes[i] = b->sizes[j];
        b->addresses[j] = address;
        b->sizes[j] = size;
    }
}

static uint64_t other_word(struct bench *b)
{
    switch (random_below(b, 4)) {
    case 0:
        return random_below(b, 1000);
    case 1:
        return UINT64_C(0x2065687420736920); /* text */
    case 2:
        return UINT64_C(0x560000000000) + random_below(b, 1 << 20);
    default:
        return 0;
    }
}

static void fill(struct bench *b)
{
    uint64_t hang = b->blocks - b->blocks * b->lost_percent / 100, child = 1;

    for (uint64_t i = 0; i < b->blocks; i++) {
        uint64_t *words = (uint64_t *)(void *)(b->memory + (b->addresses[i] - HEAP));
        uint64_t count = b->sizes[i] / 8u;

        for (uint64_t w = 0; w < count; w++)
            words[w] = other_word(b);
        /* a tree of up to eight children each, of those that hang together */
        for (uint64_t w = 0; i < hang && w < 8 && w < count && child < hang; w++)
            words[w] = b->addresses[child++];
        for (uint64_t k = 1; k < b->pointers && count > 8; k++)
            words[8 + random_below(b, count - 8)] = i < hang
                                                        ? b->addresses[random_below(b, hang)]
                                                        : b->addresses[random_below(b, b->blocks)];
    }
}

static double step(const char *what, double since)
{
    double now = seconds();

    printf("%-12s %6.2f s\n", what, now - since);
    return now;
}

static int search(struct bench *b)
{
    struct leakgraph_reader reader = {heap_bytes, b};
    struct leakgraph_options options;
    struct leakgraph g;
    struct error e = {0};
    uint64_t now, peak;
    double begun, at;
    bool ok;

    leakgraph_options_init(&options);
    leakgraph_init(&g, &reader, &options);
    begun = at = seconds();
    ok = leakgraph_reserve(&g, (uint32_t)b->blocks, &e) == 0;
    for (uint64_t i = 0; ok && i < b->blocks; i++)
        ok = leakgraph_add_block(&g, b->addresses[i], b->sizes[i], &e) == 0;
    ok = ok && leakgraph_add_value(&g, ROOT_REGISTER, 0, b->addresses[0], &e) == 0;
    at = step("blocks added", at);
    ok = ok && leakgraph_seal(&g, &e) == 0;
    at = step("sorted", at);
    ok = ok && leakgraph_mark(&g, &e) == 0;
    at = step("marked", at);
    step("search", begun);
    leakgraph_memory(&g, &now, &peak);
    printf("%-12s %6.1f bytes a block\n", "memory", (double)peak / (double)b->blocks);
    for (unsigned k = 0; k < LEAK_KINDS; k++)
        printf("  %-10s %10" PRIu64 " blocks %12" PRIu64 " bytes\n", leak_kind_name(k),
               g.sums[k].blocks, g.sums[k].bytes);
    at = seconds();
    if (ok && b->dominators) {
        ok = leakgraph_dominate(&g, &e) == 0;
        step("dominators", at);
        leakgraph_memory(&g, &now, &peak);
        printf("%-12s %6.1f bytes a block\n", "memory", (double)peak / (double)b->blocks);
    }
    leakgraph_release(&g);
    if (!ok)
        fprintf(stderr, "leakgraph: %s\n", e.text);
    return ok ? 0 : 1;
}

static bool parse(struct bench *b, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "n:m:p:l:d")) != -1) {
        uint64_t value = option == 'd' || option == '?' ? 0 : strtoull(optarg, NULL, 10);

        switch (option) {
        case 'n':
            b->blocks = value;
            break;
        case 'm':
            b->bytes = value << 20;
            break;
        case 'p':
            b->pointers = value;
            break;
        case 'l':
            b->lost_percent = value;
            break;
        case 'd':
            b->dominators = true;
            break;
        default:
            return false;
        }
    }
    return b->blocks && b->bytes / b->blocks >= 48 && b->lost_percent <= 100;
}

int main(int argc, char **argv)
{
    struct bench b = {.blocks = 10000000,
                      .bytes = UINT64_C(1) << 30,
                      .pointers = 3,
                      .lost_percent = 1,
                      .random = 88172645463325252u};

    if (!parse(&b, argc, argv)) {
        fputs("usage: leakgraph [-n BLOCKS] [-m MEBIBYTES] [-p POINTERS] [-l PERCENT] [-d]\n"
              "with at least 48 bytes a block\n",
              stderr);
        return 2;
    }
    b.memory = mmap(NULL, b.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    b.addresses = calloc(b.blocks, sizeof *b.addresses);
    b.sizes = calloc(b.blocks, sizeof *b.sizes);
    if (b.memory == MAP_FAILED || !b.addresses || !b.sizes)
        return 1;
    (void)madvise(b.memory, b.bytes, MADV_HUGEPAGE); /* as a copy of a target's heap would be */
    lay_out(&b);
    shuffle(&b);
    fill(&b);
    return search(&b);
}
