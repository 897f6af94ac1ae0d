// SPDX-License-Identifier: Apache-2.0
/*
 * malloc+free pairs under stacks of chosen shapes, timed from inside.
 *
 *   pairs stable DEPTH PAIRS              all from one stack of DEPTH frames
 *   pairs fresh PATHS PAIRS               each by another path of 13 frames, of which the inner 9
 * are new each time, out of PATHS (at most 16384) random ones pairs descents DEPTH EVERY PATHS
 * PAIRS  every EVERY pairs the stack is left up to the loop in main's callee and descended again to
 * DEPTH frames, by one of PATHS random ways pairs threads THREADS DEPTH PAIRS     `stable` on
 * THREADS threads at once, PAIRS each pairs live BLOCKS                     allocates BLOCKS small
 * blocks and keeps them
 *
 * DEPTH counts every frame from the caller of malloc to _start, as backtrace()
 * counts them.  Prints ns_per_pair=, the depth that it found and the number of
 * pairs.  Nothing but the pairs allocates within the timed part.
 */
#define _GNU_SOURCE
#include <execinfo.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define KEEP(x) __asm__ volatile("" : : "r"(x) : "memory")

static int probing, found_depth;
static __thread unsigned long turn;

NOINLINE static void leaf(long pairs)
{
    void *frames[512];

    if (probing) {
        found_depth = backtrace(frames, 512);
        return;
    }
    for (long i = 0; i < pairs; i++) {
        void *p = malloc(16 + (turn++ & 7) * 16);

        KEEP(p);
        free(p);
    }
}

/*
 * Four functions that call each other at four places each: a path of two bits
 * a level gives every level one of 16 return addresses.
 */
#define NODE(name) NOINLINE static void name(uint64_t path, int levels, long pairs)

NODE(node_a);
NODE(node_b);
NODE(node_c);
NODE(node_d);

#define STEP(path, levels, pairs)                                                                  \
    switch ((path)&3) {                                                                            \
    case 0:                                                                                        \
        node_a((path) >> 2 | (path) << 62, (levels)-1, pairs);                                     \
        break;                                                                                     \
    case 1:                                                                                        \
        node_b((path) >> 2 | (path) << 62, (levels)-1, pairs);                                     \
        break;                                                                                     \
    case 2:                                                                                        \
        node_c((path) >> 2 | (path) << 62, (levels)-1, pairs);                                     \
        break;                                                                                     \
    default:                                                                                       \
        node_d((path) >> 2 | (path) << 62, (levels)-1, pairs);                                     \
    }

#define NODE_BODY                                                                                  \
    {                                                                                              \
        if (levels == 0)                                                                           \
            leaf(pairs);                                                                           \
        else                                                                                       \
            STEP(path, levels, pairs)                                                              \
        KEEP(&path);                                                                               \
    }

NODE(node_a) NODE_BODY NODE(node_b)
NODE_BODY NODE(node_c)
NODE_BODY NODE(node_d)
NODE_BODY

static uint64_t random_path(uint64_t x)
{
    x = (x + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* `count` descents of `levels` nodes, `pairs` each; the outermost step always differs from the
 * last. */
NOINLINE static void descend(long count, int levels, long pairs, uint64_t paths)
{
    for (long i = 0; i < count; i++) {
        uint64_t path = random_path((uint64_t)i % paths) << 2 | ((uint64_t)i & 3);

        STEP(path, levels, pairs)
    }
    KEEP(&count);
}

/* How many levels make a stack of `depth` frames under our caller: one frame less than here. */
NOINLINE static int levels_for(int depth)
{
    probing = 1;
    descend(1, 1, 0, 1);
    probing = 0;
    return depth - found_depth + 2 > 1 ? depth - found_depth + 2 : 1;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void report(double ns, double pairs, int depth)
{
    printf("ns_per_pair=%.3f pairs=%.0f depth=%d seconds=%.4f\n", ns / pairs, pairs, depth,
           ns / 1e9);
}

static long number(char **argv, int i)
{
    return strtol(argv[i], NULL, 0);
}

/* ------------------------------------------------------------- modes -- */

static int run_descents(int depth, long every, uint64_t paths, long pairs)
{
    int levels = levels_for(depth), found;
    double start;

    probing = 1;
    descend(1, levels, 0, 1);
    probing = 0;
    found = found_depth;
    descend((long)paths < 20000 ? (long)paths : 20000, levels, 1, paths); /* warm up */
    start = now();
    descend(pairs / every, levels, every, paths);
    report(now() - start, (double)(pairs / every * every), found);
    return 0;
}

struct worker {
    pthread_barrier_t *barrier;
    int levels;
    long pairs;
};

static void *work(void *argument)
{
    struct worker *w = argument;

    descend(1, w->levels, 1000, 1);
    pthread_barrier_wait(w->barrier);
    descend(1, w->levels, w->pairs, 1);
    pthread_barrier_wait(w->barrier);
    return NULL;
}

static int run_threads(int threads, int depth, long pairs)
{
    pthread_barrier_t barrier;
    struct worker w = {&barrier, levels_for(depth), pairs};
    double start;

    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        pthread_t t;

        if (pthread_create(&t, NULL, work, &w))
            return 1;
    }
    pthread_barrier_wait(&barrier);
    start = now();
    pthread_barrier_wait(&barrier);
    report(now() - start, (double)pairs * threads, depth);
    return 0;
}

static int run_live(long blocks)
{
    double start = now();

    for (long i = 0; i < blocks; i++)
        KEEP(malloc(16 + (size_t)(i & 1) * 16));
    report(now() - start, (double)blocks, 0);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";

    if (!strcmp(mode, "stable") && argc == 4)
        return run_descents((int)number(argv, 2), number(argv, 3), 1, number(argv, 3));
    if (!strcmp(mode, "fresh") && argc == 4)
        return run_descents(13, 1, (uint64_t)number(argv, 2), number(argv, 3));
    if (!strcmp(mode, "descents") && argc == 6)
        return run_descents((int)number(argv, 2), number(argv, 3), (uint64_t)number(argv, 4),
                            number(argv, 5));
    if (!strcmp(mode, "threads") && argc == 5)
        return run_threads((int)number(argv, 2), (int)number(argv, 3), number(argv, 4));
    if (!strcmp(mode, "live") && argc == 3)
        return run_live(number(argv, 2));
    fprintf(stderr, "usage: see the head of bench/pairs.c\n");
    return 2;
}
