// SPDX-License-Identifier: Apache-2.0
/* The least program: a few blocks, a line of output on each stream, and a status.  [STATUS] */
#include "tally.h"

int main(int argc, char **argv)
{
    struct tally t = {0};

    for (int i = 0; i < 12; i++) {
        KEEP(malloc(1000));
        tally_took(&t, 1000);
    }
    fprintf(stderr, "plain: to standard error\n");
    tally_say(&t, "");
    return (int)argument(argc, argv, 1, 0);
}
