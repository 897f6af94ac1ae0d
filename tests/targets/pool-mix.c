// SPDX-License-Identifier: Apache-2.0
/*
 * Live blocks of known sizes, and pools that few blocks keep: many blocks of 72 bytes
 * are taken, and all but each 400th given back.  States them as blocks.SIZE=N, then waits
 * for the end of its input.  With an argument it ends without destructors.  `pool-mix shrunk` has
 * only blocks of 400 bytes, all but each 100th given back, and those are made 330 bytes.
 */
#include "tally.h"

#include <string.h>
#include <unistd.h>

#define KEPT 400
#define SPREAD 20000
#define SHRUNK 5000

NOINLINE static void take_nodes(void)
{
    for (int i = 0; i < 7000; i++)
        KEEP(malloc(40));
}

NOINLINE static void take_others(void)
{
    for (int i = 0; i < 1500; i++)
        KEEP(malloc(41));
    for (int i = 0; i < 3; i++)
        KEEP(malloc(500));
    for (int i = 0; i < 2; i++)
        KEEP(malloc(100000));
}

NOINLINE static void take_spread(void)
{
    static void *blocks[SPREAD];

    for (int i = 0; i < SPREAD; i++) {
        blocks[i] = malloc(72);
        KEEP(blocks[i]);
    }
    for (int i = 0; i < SPREAD; i++)
        if (i % KEPT != 0)
            free(blocks[i]);
}

NOINLINE static void take_shrunk(void)
{
    static void *blocks[SHRUNK];

    for (int i = 0; i < SHRUNK; i++)
        blocks[i] = malloc(400);
    for (int i = 0; i < SHRUNK; i++) {
        if (i % 100 == 0)
            blocks[i] = realloc(blocks[i], 330);
        else
            free(blocks[i]);
        KEEP(blocks[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "shrunk") == 0) {
        take_shrunk();
        printf("blocks.330=%d\n", SHRUNK / 100);
        return 0;
    }
    take_nodes();
    take_others();
    take_spread();
    printf("blocks.40=7000\nblocks.41=1500\nblocks.72=%d\nblocks.500=3\nblocks.100000=2\n",
           SPREAD / KEPT);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    if (argc > 1)
        _exit(0);
    return 0;
}
