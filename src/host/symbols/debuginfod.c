// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/debuginfod.h"

#include <dlfcn.h>
#include <stdlib.h>

/* From <elfutils/debuginfod.h>, whose package need not be there to build. */
typedef void *begin_function(void);
typedef int find_function(void *client, const unsigned char *id, int size, char **path);
typedef void end_function(void *client);

bool debuginfod_available(void)
{
    return dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL) != NULL;
}

int debuginfod_fetch(const struct buildid *id)
{
    void *library = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL), *client;
    begin_function *begin;
    find_function *find;
    end_function *end;
    int fd = -1;

    if (!library)
        return -1;
    begin = (begin_function *)dlsym(library, "debuginfod_begin");
    find = (find_function *)dlsym(library, "debuginfod_find_debuginfo");
    end = (end_function *)dlsym(library, "debuginfod_end");
    client = begin && find && end ? begin() : NULL;
    if (client) {
        fd = find(client, id->bytes, (int)id->size, NULL);
        end(client);
    }
    /* the library stays: its HTTP client does not survive being unloaded and loaded again */
    return fd < 0 ? -1 : fd;
}
