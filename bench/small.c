/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small blocks by malloc and free, for comparing allocators that are preloaded:
 *
 *   small pairs N          malloc and free of one block of 24 bytes at a time
 *   small batches N        100 blocks of 16 to 412 bytes, then all freed, again and again
 *   small bulk N           200,000 blocks of 24 bytes, then all freed, again and again
 *   small churn THREADS N  each thread has 10,000 blocks of 1 to 512 bytes and replaces one
 *                          after the other at random
 *   small mixed THREADS N  the same, but one in 64 is of up to 4,096 bytes
 *   small queue N          one thread allocates, another frees
 *   small held N           N blocks of 24 bytes; tells the memory that they take
 *
 * Prints ns=... for a pair of malloc and free, or bytes=... for a block.  Nanoseconds are of
 * the processor with one thread, of the clock with two.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Of one thread the processor time, which other programs hardly change. */
static clockid_t clock_of = CLOCK_PROCESS_CPUTIME_ID;

static double now(void)
{
    struct timespec t;

    clock_gettime(clock_of, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Keeps the compiler from leaving out what is not used. */
static void *touched(void *block)
{
    if (!block) {
        fputs("small: no memory\n", stderr);
        exit(1);
    }
    *(volatile char *)block = 1;
    return block;
}

/* The program's own tables do not come from the allocator that is measured. */
static void *table(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED) {
        perror("small: mmap");
        exit(1);
    }
    return memory;
}

static void say(double since, size_t pairs)
{
    printf("ns=%.3f\n", (now() - since) / (double)pairs);
}

static void pairs(size_t n)
{
    double since = now();

    for (size_t i = 0; i < n; i++)
        free(touched(malloc(24)));
    say(since, n);
}

static void batches(size_t n)
{
    void *blocks[100];
    double since = now();

    for (size_t i = 0; i < n / 100; i++) {
        for (size_t k = 0; k < 100; k++)
            blocks[k] = touched(malloc(16 + 4 * k));
        for (size_t k = 0; k < 100; k++)
            free(blocks[k]);
    }
    say(since, n / 100 * 100);
}

#define BULK 200000u

static void bulk(size_t n)
{
    void **blocks = table(BULK * sizeof(void *));
    double since = now();

    for (size_t i = 0; i < n / BULK; i++) {
        for (size_t k = 0; k < BULK; k++)
            blocks[k] = touched(malloc(24));
        for (size_t k = 0; k < BULK; k++)
            free(blocks[k]);
    }
    say(since, n / BULK * BULK);
}

#define CHURN 10000u

struct churner {
    pthread_t thread;
    size_t n;
    uint64_t seed;
    bool mixed;
};

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* No division by a variable: what waits for the size would wait for that. */
static size_t churn_size(const struct churner *c, uint64_t r)
{
    return 1 + (c->mixed && r % 64 == 0 ? (r >> 40) % 4096 : (r >> 40) % 512);
}

static void *churn_one(void *arg)
{
    struct churner *c = arg;
    void **blocks = table(CHURN * sizeof(void *));
    uint64_t x = c->seed;

    for (size_t i = 0; i < CHURN; i++)
        blocks[i] = touched(malloc(churn_size(c, random_next(&x))));
    for (size_t i = 0; i < c->n; i++) {
        uint64_t r = random_next(&x);
        void **place = &blocks[(r >> 8) % CHURN];

        free(*place);
        *place = touched(malloc(churn_size(c, r)));
    }
    for (size_t i = 0; i < CHURN; i++)
        free(blocks[i]);
    return NULL;
}

static void churn(size_t threads, size_t n, bool mixed)
{
    struct churner c[16];
    double since;

    clock_of = threads > 1 ? CLOCK_MONOTONIC : clock_of;
    since = now();
    for (size_t i = 0; i < threads; i++) {
        c[i].n = n;
        c[i].mixed = mixed;
        c[i].seed = 0x9e3779b97f4a7c15u * (i + 1);
        if (threads == 1)
            churn_one(&c[i]);
        else
            pthread_create(&c[i].thread, NULL, churn_one, &c[i]);
    }
    for (size_t i = 0; i < threads && threads > 1; i++)
        pthread_join(c[i].thread, NULL);
    say(since, n);
}

#define QUEUE 4096u
#define HANDED 64u /* blocks that change hands at a time */

static void *handed[QUEUE];
static _Alignas(64) _Atomic size_t put;
static _Alignas(64) _Atomic size_t got;

static void *consume(void *arg)
{
    size_t n = (size_t)arg;

    for (size_t i = 0; i < n; i += HANDED) {
        while (atomic_load_explicit(&put, memory_order_acquire) == i)
            sched_yield();
        for (size_t k = 0; k < HANDED; k++)
            free(handed[(i + k) % QUEUE]);
        atomic_store_explicit(&got, i + HANDED, memory_order_release);
    }
    return NULL;
}

static void queue(size_t n)
{
    pthread_t consumer;
    double since;

    clock_of = CLOCK_MONOTONIC;
    since = now();
    n -= n % HANDED;
    pthread_create(&consumer, NULL, consume, (void *)n);
    for (size_t i = 0; i < n; i += HANDED) {
        while (i - atomic_load_explicit(&got, memory_order_acquire) == QUEUE)
            sched_yield();
        for (size_t k = 0; k < HANDED; k++)
            handed[(i + k) % QUEUE] = touched(malloc(16 + (i + k) % 48));
        atomic_store_explicit(&put, i + HANDED, memory_order_release);
    }
    pthread_join(consumer, NULL);
    say(since, n);
}

static size_t resident(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%*s %zu", &pages) != 1)
        exit(1);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void held(size_t n)
{
    size_t before;
    void *block = NULL;

    before = resident();
    for (size_t i = 0; i < n; i++) {
        void **b = touched(malloc(24));

        memset(b, 0, 24);
        *b = block; /* a list: they are all in use */
        block = b;
    }
    printf("bytes=%.3f\n", (double)(resident() - before) / (double)n);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    size_t n = argc > 2 ? strtoul(argv[argc - 1], NULL, 10) : 0;

    if (!strcmp(what, "pairs"))
        pairs(n);
    else if (!strcmp(what, "batches"))
        batches(n);
    else if (!strcmp(what, "bulk"))
        bulk(n);
    else if (!strcmp(what, "churn") && argc == 4)
        churn(strtoul(argv[2], NULL, 10), n, false);
    else if (!strcmp(what, "mixed") && argc == 4)
        churn(strtoul(argv[2], NULL, 10), n, true);
    else if (!strcmp(what, "queue"))
        queue(n);
    else if (!strcmp(what, "held"))
        held(n);
    else {
        fputs("usage: small pairs|batches|bulk|queue|held N, small churn|mixed THREADS N\n",
              stderr);
        return 2;
    }
    return 0;
}
