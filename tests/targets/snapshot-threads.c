// SPDX-License-Identifier: Apache-2.0
/*
 * Eight threads allocate and free as fast as they can, and take snapshots of
 * themselves at points where what `take_block` holds is known: moment.N.bytes
 * and .blocks for snapshot N, and after each a mark.
 */
#include "memprof.h"

#include "tests/targets/tally.h"

#include <pthread.h>

#define THREADS 8
#define SNAPSHOTS 12 /* by each */
#define BLOCKS 40

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tally tally;
static int taken;

NOINLINE static void *take_block(size_t size)
{
    void *p = malloc(size);

    KEEP(p);
    return p;
}

NOINLINE static void churn(unsigned *random)
{
    for (int i = 0; i < 300; i++) {
        void *p = malloc(1 + (*random = *random * 1664525 + 1013904223) % 500);

        KEEP(p);
        free(p);
    }
}

/* Nobody else takes or gives meanwhile; churning goes on. */
static void state_snapshot(void)
{
    char key[60];
    int number = ++taken;

    snprintf(key, sizeof key, "moment.%d.bytes", number);
    say(key, (long long)tally.live_bytes);
    snprintf(key, sizeof key, "moment.%d.blocks", number);
    say(key, (long long)tally.live_blocks);
    snprintf(key, sizeof key, "s%d", number);
    if (memprof_snapshot(key) != 0 || memprof_mark(key) != 0)
        _exit(98);
}

static void *work(void *argument)
{
    unsigned random = (unsigned)(uintptr_t)argument;
    void *blocks[BLOCKS] = {NULL};

    for (int round = 0; round < SNAPSHOTS; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            churn(&random);
            pthread_mutex_lock(&lock);
            if (blocks[i]) {
                tally_gave(&tally, (uint64_t)i + 1);
                free(blocks[i]);
                blocks[i] = NULL;
            } else if (random >> 31 || round + 1 == SNAPSHOTS) {
                blocks[i] = take_block((size_t)i + 1);
                tally_took(&tally, (uint64_t)i + 1);
            }
            pthread_mutex_unlock(&lock);
        }
        pthread_mutex_lock(&lock);
        state_snapshot();
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)) != 0)
            return 97;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    say("snapshots", taken);
    return 0;
}
