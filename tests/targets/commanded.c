// SPDX-License-Identifier: Apache-2.0
/*
 * Does what the letters on its standard input say, and states after each what it
 * holds: g takes ten blocks, s gives five back, a says where the last one lies,
 * t starts a thread that allocates and frees all the time, d handles SIGUSR2
 * itself from then on, x executes itself anew, q ends.
 */
#include "tally.h"

#include <pthread.h>
#include <signal.h>

#define BLOCK 1000
#define MOST 10000

static void *blocks[MOST];
static struct tally tally;
static volatile sig_atomic_t handled;

NOINLINE static void *take_block(void)
{
    void *p = malloc(BLOCK);

    KEEP(p);
    return p;
}

NOINLINE static void grow(void)
{
    for (int i = 0; i < 10 && tally.live_blocks < MOST; i++) {
        blocks[tally.live_blocks] = take_block();
        tally_took(&tally, BLOCK);
    }
}

NOINLINE static void shrink(void)
{
    for (int i = 0; i < 5 && tally.live_blocks; i++) {
        tally_gave(&tally, BLOCK);
        free(blocks[tally.live_blocks]);
    }
}

static void *churn(void *unused)
{
    (void)unused;
    for (;;) {
        void *p = malloc(64);

        KEEP(p);
        free(p);
    }
    return NULL;
}

static void start_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, churn, NULL) != 0)
        _exit(98);
}

static void on_signal(int number)
{
    (void)number;
    handled++;
}

static void obey(char letter, char **argv)
{
    switch (letter) {
    case 'g':
        grow();
        break;
    case 's':
        shrink();
        break;
    case 'a':
        say("address", (long long)(uintptr_t)blocks[tally.live_blocks - 1]);
        break;
    case 't':
        start_thread();
        break;
    case 'd':
        signal(SIGUSR2, on_signal);
        break;
    case 'x':
        execv("/proc/self/exe", argv);
        _exit(97);
    case 'q':
        _exit(0);
    }
}

int main(int argc, char **argv)
{
    char letter;

    (void)argc;
    say("pid", getpid());
    for (;;) {
        ssize_t got = read(0, &letter, 1);

        if (got == 0)
            return 0;
        if (got < 0)
            continue; /* a signal */
        obey(letter, argv);
        say("handled", handled);
        say("live_blocks", (long long)tally.live_blocks);
        say("live_bytes", (long long)tally.live_bytes);
        put("done\n", 5);
    }
}
