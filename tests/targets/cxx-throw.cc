// SPDX-License-Identifier: Apache-2.0
// Exceptions thrown through many frames that allocate, caught, rethrown, and
// allocation in destructors while the stack unwinds.  [ROUNDS]
#include "tally.h"

#include <stdexcept>

static struct tally thrown, unwound;

struct guard {
    ~guard()
    {
        void *p = leave();
        std::free(p);
    }
    NOINLINE static void *leave()
    {
        void *p = std::malloc(48);
        KEEP(p);
        tally_took(&unwound, 48);
        tally_gave(&unwound, 48);
        return p;
    }
};

NOINLINE static int descend(int depth, int seed)
{
    guard g;

    if (depth == 0) {
        if (seed % 3 == 0)
            throw seed;
        throw static_cast<long>(seed);
    }
    try {
        int r = descend(depth - 1, seed * 7 + 1) + 1;
        KEEP(&r);
        return r;
    } catch (long v) {
        if (v % 2)
            throw; // and let an outer frame have it
        return static_cast<int>(v);
    }
}

NOINLINE static void after_catch()
{
    KEEP(std::malloc(64));
    tally_took(&thrown, 64);
}

int main(int argc, char **argv)
{
    long rounds = argument(argc, argv, 1, 300);

    for (int i = 0; i < rounds; i++) {
        try {
            descend(i % 25, i);
        } catch (int) {
            after_catch();
        } catch (long) {
            after_catch();
        }
        after_catch();
    }
    tally_say_flow(&thrown, "in.after_catch.");
    tally_say_flow(&unwound, "in.leave.");
    return 0;
}
