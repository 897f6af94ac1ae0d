// SPDX-License-Identifier: Apache-2.0
/* A C program that loads a C++ library, and with it the C++ runtime, into a scope of its own. */
#include "tally.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

int main(int argc, char **argv)
{
    char path[4096];
    void *library;
    bool (*plugin)(void);

    (void)argc;
    if (strlen(argv[0]) > sizeof(path) - 32)
        return 2;
    strcpy(path, argv[0]);
    strcpy(strrchr(path, '/') + 1, "cxx-plugin.so");
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    plugin = library ? (bool (*)(void))dlsym(library, "cxx_plugin") : NULL;
    if (!plugin)
        return 3;
    if (!plugin())
        return 1;
    puts("in.wide_blocks.live_blocks=100");
    puts("in.wide_blocks.live_bytes=25600");
    return 0;
}
