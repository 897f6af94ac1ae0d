// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/availmem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 4608

static bool read_number(const char *path, uint64_t *value)
{
    FILE *file = fopen(path, "re");
    bool found;

    if (!file)
        return false;
    found = fscanf(file, "%" SCNu64, value) == 1; /* not "max" */
    fclose(file);
    return found;
}

/* The number behind a name in a file of lines "name number"; false: it is not there. */
static bool read_named(const char *path, const char *name, uint64_t *value)
{
    size_t length = strlen(name);
    bool found = false;
    char line[256];
    FILE *file = fopen(path, "re");

    while (file && !found && fgets(line, sizeof(line), file))
        found = strncmp(line, name, length) == 0 && sscanf(line + length, "%" SCNu64, value) == 1;
    if (file)
        fclose(file);
    return found;
}

struct group_files {
    const char *limit, *used, *inactive; /* the last: of memory.stat, what can be dropped */
};

/* What one group's limit leaves. */
static uint64_t group_left(const char *folder, const struct group_files *files)
{
    uint64_t limit, used, inactive = 0;
    char path[PATH_BYTES + 64];

    snprintf(path, sizeof(path), "%s/%s", folder, files->limit);
    if (!read_number(path, &limit))
        return UINT64_MAX;
    snprintf(path, sizeof(path), "%s/%s", folder, files->used);
    if (!read_number(path, &used))
        return UINT64_MAX;
    snprintf(path, sizeof(path), "%s/memory.stat", folder);
    read_named(path, files->inactive, &inactive);
    used -= inactive < used ? inactive : used;
    return limit > used ? limit - used : 0;
}

/* The least that the limits of a group and of those above it leave. */
static uint64_t groups_left(char *folder, size_t top, const struct group_files *files)
{
    uint64_t least = UINT64_MAX, left;

    for (;;) {
        left = group_left(folder, files);
        least = left < least ? left : least;
        if (strlen(folder) <= top)
            return least;
        *strrchr(folder, '/') = '\0';
    }
}

static uint64_t group_of_line(const char *cgroups, char *line)
{
    static const struct group_files unified = {"memory.max", "memory.current", "inactive_file "};
    static const struct group_files first = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                             "total_inactive_file "};
    char *controllers = strchr(line, ':'), *group, folder[PATH_BYTES];
    bool is_unified;
    size_t top;

    group = controllers ? strchr(++controllers, ':') : NULL;
    if (!group)
        return UINT64_MAX;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    is_unified = *controllers == '\0';
    if (!is_unified && strcmp(controllers, "memory") != 0)
        return UINT64_MAX;
    top = (size_t)snprintf(folder, sizeof(folder), "%s%s", cgroups, is_unified ? "" : "/memory");
    if (top >= sizeof(folder) - strlen(group) - 1 || group[0] != '/')
        return UINT64_MAX;
    if (group[1] != '\0')
        strcpy(folder + top, group);
    return groups_left(folder, top, is_unified ? &unified : &first);
}

uint64_t availmem_bytes_at(const char *proc, const char *cgroups)
{
    char path[PATH_BYTES], line[PATH_BYTES];
    uint64_t least = UINT64_MAX, left;
    FILE *file;

    snprintf(path, sizeof(path), "%s/meminfo", proc);
    if (read_named(path, "MemAvailable:", &left) && left < UINT64_MAX / 1024)
        least = left * 1024;
    snprintf(path, sizeof(path), "%s/self/cgroup", proc);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        left = group_of_line(cgroups, line);
        least = left < least ? left : least;
    }
    if (file)
        fclose(file);
    return least;
}

uint64_t availmem_bytes(void)
{
    return availmem_bytes_at("/proc", "/sys/fs/cgroup");
}
