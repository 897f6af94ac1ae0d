// SPDX-License-Identifier: Apache-2.0
/* Changes its root to an empty folder, and gives up its privileges, before it allocates.  FOLDER */
#define _GNU_SOURCE
#include "threads.h"

NOINLINE static void jailed(void)
{
    for (int i = 0; i < 2000; i++) {
        void *p = malloc(70);

        KEEP(p);
        if (i % 10)
            free(p);
    }
}

static void *run(void *unused)
{
    jailed();
    return unused;
}

int main(int argc, char **argv)
{
    struct tally t = {0};

    if (argc < 2 || chroot(argv[1]) || chdir("/") || setgid(65534) || setuid(65534))
        return 77;
    jailed();
    pthread_join(start(run, NULL), NULL);
    for (int i = 0; i < 4000; i++) {
        tally_took(&t, 70);
        if (i % 10)
            tally_gave(&t, 70);
    }
    tally_say_flow(&t, "in.jailed.");
    return 0;
}
