// SPDX-License-Identifier: Apache-2.0
/* Two named threads with known amounts, for the view by thread. */
#define _GNU_SOURCE
#include "threads.h"

static pthread_barrier_t both;

static void *run(void *number)
{
    int count = number ? 30 : 10;

    pthread_setname_np(pthread_self(), number ? "reader" : "writer");
    pthread_barrier_wait(&both);
    for (int i = 0; i < count; i++)
        KEEP(malloc(1000));
    usleep(300000); /* long enough to be seen */
    pthread_barrier_wait(&both);
    return NULL;
}

int main(void)
{
    pthread_barrier_init(&both, NULL, 2);
    together(2, run);
    say("thread.writer", 10000);
    say("thread.reader", 30000);
    return 0;
}
