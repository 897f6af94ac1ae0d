// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/liveness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_BEFORE_START 19 /* behind the name, which may hold anything: fields 3 to 21 */

/* The clock ticks after boot at which the process started; 0: there is none. */
static uint64_t start_ticks(int64_t pid)
{
    char path[48], line[1024], *at;
    FILE *stat;
    size_t n;

    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    stat = fopen(path, "re");
    if (!stat)
        return 0;
    n = fread(line, 1, sizeof line - 1, stat);
    fclose(stat);
    line[n] = '\0';
    at = strrchr(line, ')');
    if (!at)
        return 0;
    for (unsigned i = 0; at && i <= FIELDS_BEFORE_START; i++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

void liveness_self(struct profile_writer *writer)
{
    writer->pid = getpid();
    writer->start_ticks = start_ticks(writer->pid);
}

bool liveness_writer(const struct profile *p)
{
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    return p->writer.pid > 0 && p->writer.start_ticks &&
           !strcmp(host, profile_text(p, p->process.host)) &&
           start_ticks(p->writer.pid) == p->writer.start_ticks;
}
