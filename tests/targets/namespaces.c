// SPDX-License-Identifier: Apache-2.0
/*
 * A library loaded into a namespace of its own (dlmopen, with a libc of its own) and with
 * RTLD_DEEPBIND: both run, and what the program itself allocates is exact.  PLUGIN.so
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>

NOINLINE static void own(struct tally *t)
{
    KEEP(malloc(300));
    tally_took(t, 300);
}

static int visit(void *library)
{
    void (*plugin)(size_t);

    if (!library)
        return 1;
    *(void **)&plugin = dlsym(library, "one_plugin");
    if (!plugin)
        return 1;
    for (int i = 0; i < 100; i++)
        plugin(500);
    return dlclose(library) != 0;
}

int main(int argc, char **argv)
{
    struct tally t = {0};
    int bad = 0;

    if (argc < 2)
        return 2;
    for (int i = 0; i < 5; i++) {
        own(&t);
        bad += visit(dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND));
        own(&t);
        bad += visit(dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW | RTLD_LOCAL));
    }
    own(&t);
    tally_say_flow(&t, "in.own.");
    say("failures", bad);
    return bad != 0;
}
