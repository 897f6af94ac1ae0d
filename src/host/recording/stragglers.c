// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/stragglers.h"

#include "src/shared/record.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of /proc/PID/maps: "START-END PERMS OFFSET DEVICE INODE /memfd:memprof (deleted)". */
static bool maps_segment(const struct stragglers_search *s, const char *line)
{
    uintmax_t inode = 0;

    if (!strstr(line, "/memfd:memprof"))
        return false;
    if (sscanf(line, "%*s %*s %*s %*s %ju", &inode) != 1)
        return false;
    for (size_t i = 0; i < s->segment_count; i++)
        if (s->segments[i] == (ino_t)inode)
            return true;
    return false;
}

/* MEMPROF_SESSION=IMAGE:PATH */
static bool names_session(const struct stragglers_search *s, const char *entry)
{
    static const char name[] = SESSION_ENVIRONMENT "=";
    const char *path = strncmp(entry, name, strlen(name)) == 0 ? strchr(entry, ':') : NULL;

    return path && strcmp(path + 1, s->session) == 0;
}

typedef bool line_test(const struct stragglers_search *s, const char *line);

static bool any_line(const struct stragglers_search *s, pid_t pid, const char *file, int end,
                     line_test *test)
{
    char path[48], *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *in;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    in = fopen(path, "re");
    if (!in)
        return false;
    while (!found && getdelim(&line, &room, end, in) > 0)
        found = test(s, line);
    free(line);
    fclose(in);
    return found;
}

size_t stragglers_find(const struct stragglers_search *s, pid_t *pids, size_t room)
{
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;

    while (all && count < room && (entry = readdir(all))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid <= 0 || pid == getpid() || s->known(s->context, pid))
            continue;
        if (any_line(s, pid, "environ", '\0', names_session) ||
            any_line(s, pid, "maps", '\n', maps_segment))
            pids[count++] = pid;
    }
    if (all)
        closedir(all);
    return count;
}
