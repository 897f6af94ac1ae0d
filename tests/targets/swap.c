// SPDX-License-Identifier: Apache-2.0
/*
 * Loads two libraries in turn, again and again, so that each is mapped where
 * the other was, and lets them allocate.  ONE.so TWO.so [ROUNDS]
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>

NOINLINE static void *visit(const char *path, const char *name, size_t size)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void (*plugin)(size_t);
    Dl_info info;

    if (!library)
        _exit(97);
    *(void **)&plugin = dlsym(library, name);
    for (int i = 0; i < 10; i++)
        plugin(size);
    dladdr(*(void **)&plugin, &info);
    dlclose(library);
    return info.dli_fbase;
}

int main(int argc, char **argv)
{
    struct tally one = {0}, two = {0};
    long rounds = argument(argc, argv, 3, 20), same = 0;

    if (argc < 3)
        return 2;
    for (long i = 0; i < rounds; i++) {
        void *a = visit(argv[1], "one_plugin", 4000), *b = visit(argv[2], "two_plugin", 5000);

        same += a == b;
        for (int k = 0; k < 10; k++) {
            tally_took(&one, 4000);
            tally_took(&two, 5000);
        }
    }
    tally_say_flow(&one, "in.one_inner.");
    tally_say_flow(&one, "in.one_middle.");
    tally_say_flow(&one, "in.one_plugin.");
    tally_say_flow(&two, "in.two_inner.");
    tally_say_flow(&two, "in.two_middle.");
    tally_say_flow(&two, "in.two_plugin.");
    say("same_address", same);
    return 0;
}
