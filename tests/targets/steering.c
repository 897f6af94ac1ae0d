// SPDX-License-Identifier: Apache-2.0
/*
 * Whatever has a name has one that the test replaces by one that tries to steer a terminal:
 * steering_the_... in symbols, files, variables; and threads, labels, domains and contents,
 * whose names are here.  MODULE.so [wait]
 */
#define _GNU_SOURCE
#include "include/memprof.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVIL "\033]0;owned\007\033[31m\177\xc2\x9b"

char *steering_the_global[8];
static char pool[4096];

__attribute__((noinline)) static char *steering_the_terminal(size_t size)
{
    char *p = malloc(size); /* steering_the_comment____ */

    memset(p, 0, size);
    snprintf(p, size, "%s", EVIL);
    return p;
}

__attribute__((noinline)) static void lose(void)
{
    char *volatile p = NULL;

    for (int i = 0; i < 20; i++)
        p = steering_the_terminal(1000);
    p = NULL;
    (void)p;
}

static void *in_thread(void *unused)
{
    pthread_setname_np(pthread_self(), "\033[31m"
                                       "th\007");
    for (int i = 0; i < 4; i++)
        steering_the_global[i] = steering_the_terminal(500);
    return unused;
}

int main(int argc, char **argv)
{
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    void (*plugin)(size_t);
    pthread_t t;

    if (!library)
        return 97;
    *(void **)&plugin = dlsym(library, "one_plugin");
    memprof_alloc(memprof_domain("pool" EVIL), pool, sizeof pool);
    plugin(4000);
    pthread_create(&t, NULL, in_thread, NULL);
    pthread_join(t, NULL);
    memprof_snapshot("label" EVIL);
    memprof_mark("mark" EVIL);
    lose();
    for (int i = 0; i < 12; i++) {
        *(char **)steering_the_global[i % 4] = steering_the_terminal((size_t)10000);
        usleep(12000);
    }
    if (argc > 2) {
        printf("address=%p\n", (void *)steering_the_global[0]);
        fflush(stdout);
        getchar();
    }
    return 0;
}
