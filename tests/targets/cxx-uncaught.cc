// SPDX-License-Identifier: Apache-2.0
// Ends by an exception that nobody catches, thrown with objects on the way.
#include "tally.h"

#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <vector>

NOINLINE static void before()
{
    for (int i = 0; i < 500; i++)
        KEEP(malloc(60));
}

NOINLINE static void fail(const std::string &why)
{
    std::vector<int> on_the_way(1000);

    KEEP(on_the_way.data());
    throw std::runtime_error("uncaught: " + why);
}

int main()
{
    struct rlimit no_core = {0, 0};
    struct tally t = {};

    setrlimit(RLIMIT_CORE, &no_core);
    for (int i = 0; i < 500; i++)
        tally_took(&t, 60);
    tally_say_flow(&t, "in.before.");
    before();
    fail("on purpose");
}
