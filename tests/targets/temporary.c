// SPDX-License-Identifier: Apache-2.0
/*
 * Temporary allocations: freed by the same thread with no allocation by that
 * thread in between.
 */
#include "tally.h"

static struct tally all;

static void *take(size_t size)
{
    void *p = malloc(size);

    tally_took(&all, size);
    KEEP(p);
    return p;
}

static void give(void *p, size_t size)
{
    tally_gave(&all, size);
    free(p);
}

int main(void)
{
    void *p, *q, *blocks[50];

    for (int i = 0; i < 1000; i++) { /* 1000 temporary */
        p = take(24);
        give(p, 24);
    }
    for (int i = 0; i < 50; i++)
        blocks[i] = take(30);
    for (int i = 0; i < 49; i++) /* none: another came after each of them */
        give(blocks[i], 30);
    give(blocks[49], 30);           /* one: nothing was allocated since it was */
    for (int i = 0; i < 200; i++) { /* 200: the inner of each pair */
        p = take(40);
        q = take(50);
        give(q, 50);
        give(p, 40);
    }
    tally_say(&all, "");
    say("temporary_blocks", 1000 + 1 + 200);
    return 0;
}
