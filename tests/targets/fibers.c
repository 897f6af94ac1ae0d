// SPDX-License-Identifier: Apache-2.0
/* Fibers (makecontext, swapcontext) that take turns and allocate at every turn. */
#include "tally.h"

#include <ucontext.h>

#define FIBERS 5
#define TURNS 200
#define STACK 65536

static ucontext_t home, fibers[FIBERS];
static char stacks[FIBERS][STACK] __attribute__((aligned(16)));

NOINLINE static void at_home(void)
{
    KEEP(malloc(10));
}

NOINLINE static void in_fiber(int depth, int me)
{
    if (depth) {
        in_fiber(depth - 1, me);
    } else {
        void *p = malloc((size_t)(100 + me));

        KEEP(p);
        swapcontext(&fibers[me], &home); /* another fiber runs before this is freed */
        free(p);
    }
    KEEP(&depth);
}

static void run(int me)
{
    for (int i = 0; i < TURNS; i++)
        in_fiber(me + i % 9, me);
}

int main(void)
{
    struct tally h = {0}, f = {0};

    for (int i = 0; i < FIBERS; i++) {
        getcontext(&fibers[i]);
        fibers[i].uc_stack.ss_sp = stacks[i];
        fibers[i].uc_stack.ss_size = STACK;
        fibers[i].uc_link = &home;
        makecontext(&fibers[i], (void (*)(void))run, 1, i);
    }
    for (int turn = 0; turn < TURNS; turn++)
        for (int i = 0; i < FIBERS; i++) {
            swapcontext(&home, &fibers[i]);
            at_home();
        }
    for (int i = 0; i < FIBERS * TURNS; i++) {
        tally_took(&h, 10);
        tally_took(&f, (uint64_t)(100 + i % FIBERS));
        if (i >= FIBERS) /* the last of each is never freed */
            tally_gave(&f, (uint64_t)(100 + i % FIBERS));
    }
    tally_say_flow(&h, "in.at_home.");
    tally_say_flow(&f, "in.in_fiber.");
    return 0;
}
