// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/modfile.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What /proc/PID/maps says of the module. */
struct mapping {
    uint64_t start, end;
    bool deleted;
    char name[PATH_MAX]; /* with the kernel's " (deleted)" */
};

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && !strcmp(text + length - end_length, end);
}

/* "START-END PERMS OFFSET DEVICE INODE   NAME" */
static bool parse_mapping(const char *line, struct mapping *m)
{
    int name = 0;
    size_t length;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &m->start, &m->end, &name) < 2)
        return false;
    snprintf(m->name, sizeof m->name, "%s", name ? line + name : "");
    length = strcspn(m->name, "\n");
    m->name[length] = '\0';
    m->deleted = ends_in(m->name, " (deleted)");
    return true;
}

/* The first mapping of a file within the module's range. */
static bool find_mapping(struct mapping *m, const struct modfile_request *r)
{
    char path[64], *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *maps;

    if (r->pid <= 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)r->pid);
    maps = fopen(path, "re");
    if (!maps)
        return false;
    while (!found && getline(&line, &room, maps) > 0)
        found =
            parse_mapping(line, m) && m->name[0] == '/' && m->end > r->start && m->start < r->end;
    free(line);
    fclose(maps);
    return found;
}

static bool is_the_one(const struct modfile *f, const struct modfile_request *r)
{
    struct buildid id;

    return !buildid_read(&id, f->fd) && (!r->id.size || buildid_equal(&id, &r->id));
}

/* O_NONBLOCK: a path may by now be a FIFO. */
static bool try_path(struct modfile *f, const char *path, const struct modfile_request *r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return false;
    f->fd = fd;
    if (!fstat(fd, &f->st) && S_ISREG(f->st.st_mode) && is_the_one(f, r))
        return true;
    f->replaced = true;
    f->fd = -1;
    close(fd);
    return false;
}

static bool try_under(struct modfile *f, const char *prefix, const char *path,
                      const struct modfile_request *r)
{
    char joined[PATH_MAX];
    int length = snprintf(joined, sizeof joined, "%s%s%s", prefix, *path == '/' ? "" : "/", path);

    return length > 0 && (size_t)length < sizeof joined && try_path(f, joined, r);
}

static bool try_by_name(struct modfile *f, const struct modfile_request *r)
{
    char process[64];

    if (!*r->path)
        return false;
    if (r->sysroot && try_under(f, r->sysroot, r->path, r))
        return true;
    /* what the process calls its own is not ours */
    if (r->pid > 0 && !strncmp(r->path, "/proc/self/", 11)) {
        snprintf(process, sizeof process, "/proc/%d", (int)r->pid);
        return try_under(f, process, r->path + 11, r);
    }
    if (try_path(f, r->path, r))
        return true;
    if (r->pid <= 0)
        return false;
    snprintf(process, sizeof process, "/proc/%d/%s", (int)r->pid, *r->path == '/' ? "root" : "cwd");
    return try_under(f, process, r->path, r);
}

static bool is_executable(const struct mapping *m, pid_t pid)
{
    char link[64], name[PATH_MAX];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return false;
    name[length] = '\0';
    return !strcmp(name, m->name);
}

/* The file itself, whatever has become of its name. */
static bool try_mapped(struct modfile *f, const struct mapping *m, const struct modfile_request *r)
{
    char path[96];

    snprintf(path, sizeof path, "/proc/%d/exe", (int)r->pid);
    if (is_executable(m, r->pid) && try_path(f, path, r))
        return true;
    snprintf(path, sizeof path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)r->pid, m->start,
             m->end);
    return try_path(f, path, r);
}

void modfile_open(struct modfile *f, const struct modfile_request *r)
{
    struct mapping m = {.deleted = false};
    bool known = false, found = false;
    char exe[64];

    memset(f, 0, sizeof *f);
    f->fd = -1;
    /* without an ID only the kernel can tell that the name now stands for another file */
    if (!r->id.size)
        known = find_mapping(&m, r);
    if (!*r->path && r->pid > 0) {
        snprintf(exe, sizeof exe, "/proc/%d/exe", (int)r->pid);
        found = try_path(f, exe, r);
    } else if (!m.deleted) {
        found = try_by_name(f, r);
    } else {
        f->replaced = !access(r->path, F_OK);
    }
    if (!found && (known || find_mapping(&m, r)))
        found = try_mapped(f, &m, r);
}

void modfile_release(struct modfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

bool modfile_changed(const struct modfile *f)
{
    struct stat now;

    return f->fd < 0 || fstat(f->fd, &now) || now.st_size != f->st.st_size ||
           now.st_mtim.tv_sec != f->st.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != f->st.st_mtim.tv_nsec;
}
