// SPDX-License-Identifier: Apache-2.0
#include "src/host/graph/rootrank.h"

#include "src/host/graph/leakgraph.h"

#include <string.h>

/* libc's and the loader's, as glibc and its packagers have named them. */
static bool is_system(const char *path)
{
    static const char *const beginnings[] = {"libc.so", "libc-",         "ld-",        "ld.so",
                                             "ld64.so", "libpthread.so", "libpthread-"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

uint32_t root_rank(uint32_t kind, const char *name)
{
    switch (kind) {
    case ROOT_GLOBAL:
        return is_system(name) ? 3 : 0;
    case ROOT_NAMED:
        return 0;
    case ROOT_STACK:
    case ROOT_TLS:
    case ROOT_KEY:
        return 1;
    case ROOT_DESCRIPTOR:
        return 3;
    default:
        return 2;
    }
}
