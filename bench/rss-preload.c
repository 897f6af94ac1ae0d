// SPDX-License-Identifier: Apache-2.0
/*
 * Says how large each process became: at its exit it appends a line
 * `PID VmHWM-in-KiB COMMAND` to the file that RSS_TO names.  VmHWM belongs to
 * the program image alone, whereas what wait4 reports also covers the process
 * as it was before exec, and the children of a wrapper.  Does not allocate.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static void append(char *line, size_t *at, const char *from, const char *stop)
{
    from += strspn(from, " \t");
    while (*from && !strchr(stop, *from) && *at < 400)
        line[(*at)++] = *from++;
}

static const char *field(const char *status, const char *name)
{
    const char *p = strstr(status, name);

    return p ? p + strlen(name) : "?";
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("RSS_TO");
    char status[4096], line[512];
    size_t at = 0;
    int fd;

    if (!path || !read_file("/proc/self/status", status, sizeof status))
        return;
    append(line, &at, field(status, "\nPid:"), "\n");
    line[at++] = ' ';
    append(line, &at, field(status, "\nVmHWM:"), " \n");
    line[at++] = ' ';
    append(line, &at, field(status, "Name:"), "\n");
    line[at++] = '\n';
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (write(fd, line, at) < 0)
        at = 0;
    close(fd);
}
