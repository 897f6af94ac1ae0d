// SPDX-License-Identifier: Apache-2.0
/* Replaces itself by itself a number of times, allocating in each life.  [LIVES] */
#include "tally.h"

int main(int argc, char **argv)
{
    long lives = argument(argc, argv, 1, 3);
    char left[24];

    for (long i = 0; i < 10 * lives; i++)
        KEEP(malloc(100));
    say("life", lives);
    if (lives > 1) {
        snprintf(left, sizeof left, "%ld", lives - 1);
        execl("/proc/self/exe", argv[0], left, (char *)NULL);
        return 1;
    }
    return 0;
}
