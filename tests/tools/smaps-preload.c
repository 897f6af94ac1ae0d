// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps what /proc/self/smaps says at a program's end: in the file SMAPS_TO.NAME, NAME being the
 * program's.  Does not allocate.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void copy(int from, int to)
{
    char block[65536];
    ssize_t got;

    while ((got = read(from, block, sizeof block)) > 0)
        if (write(to, block, (size_t)got) != got)
            return;
}

__attribute__((destructor)) static void keep(void)
{
    const char *path = getenv("SMAPS_TO");
    char name[4096];
    int from, to;

    if (!path || strlen(path) + strlen(program_invocation_short_name) + 2 > sizeof name)
        return;
    strcat(strcat(strcpy(name, path), "."), program_invocation_short_name);
    from = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
    to = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from >= 0 && to >= 0)
        copy(from, to);
    close(from);
    close(to);
}
