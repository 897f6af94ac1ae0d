/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/process/procinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define KERNEL_THREAD UINT64_C(0x00200000) /* PF_KTHREAD of include/linux/sched.h */

/* Up to size - 1 bytes of a small file, NUL-terminated. */
static size_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got;

    if (fd >= 0) {
        while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
            length += (size_t)got;
        close(fd);
    }
    text[length] = '\0';
    return length;
}

int procinfo_open_rss(pid_t pid)
{
    char path[48];

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

uint64_t procinfo_rss(int fd)
{
    char text[128];
    ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
    char *second;

    if (got <= 0)
        return 0;
    text[got] = '\0';
    second = strchr(text, ' ');
    return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t procinfo_anonymous(pid_t pid)
{
    char path[48], text[4096];
    const char *line;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    read_text(path, text, sizeof(text));
    line = strstr(text, "\nRssAnon:");
    return line ? strtoull(line + 9, NULL, 10) * 1024 : 0;
}

void procinfo_thread_name(pid_t pid, pid_t tid, char *name, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid, (int)tid);
    read_text(path, name, size);
    name[strcspn(name, "\n")] = '\0';
}

bool procinfo_thread_gone(pid_t pid, pid_t tid)
{
    return syscall(SYS_tgkill, pid, tid, 0) != 0 && errno == ESRCH;
}

/* Field `number` (from 3) of a /proc/PID/stat; NULL: there is none. */
static const char *stat_field(const char *text, int number)
{
    /* The name before may hold anything; what follows its last parenthesis is fields 3 and up. */
    const char *field = strrchr(text, ')');

    for (int i = 2; field && i < number; i++) {
        field = strchr(field, ' ');
        field += field != NULL;
    }
    return field;
}

static bool read_stat(pid_t pid, char *text, size_t size)
{
    char path[48];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return read_text(path, text, size) > 0;
}

/* Whether a /proc/PID/stat is of a process that has ended. */
static bool stat_ended(const char *text)
{
    const char *state = stat_field(text, 3);

    return !state || *state == 'Z' || *state == 'X';
}

uint64_t procinfo_start_ticks(pid_t pid)
{
    char text[1024];
    const char *field;

    if (!read_stat(pid, text, sizeof(text)) || stat_ended(text))
        return 0;
    field = stat_field(text, 22);
    return field ? strtoull(field, NULL, 10) : 0;
}

uint64_t procinfo_status(pid_t pid, const char *name, int base)
{
    char path[48], line[256];
    size_t length = strlen(name);
    uint64_t value = 0;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = fopen(path, "re");
    if (!status)
        return 0;
    while (fgets(line, sizeof(line), status))
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            value = strtoull(line + length + 1, NULL, base);
    fclose(status);
    return value;
}

bool procinfo_is_kernel_thread(pid_t pid)
{
    char text[1024];
    const char *flags;

    if (!read_stat(pid, text, sizeof(text)))
        return false;
    flags = stat_field(text, 9);
    return flags && strtoull(flags, NULL, 10) & KERNEL_THREAD;
}

bool procinfo_ended(pid_t pid, uint64_t start_ticks, int *status)
{
    char text[1024];
    const char *start, *code;

    if (!read_stat(pid, text, sizeof(text)) || !stat_ended(text))
        return false;
    start = stat_field(text, 22);
    code = stat_field(text, 52);
    if (!start || !code || strtoull(start, NULL, 10) != start_ticks)
        return false;
    *status = (int)strtol(code, NULL, 10);
    return true;
}

bool procinfo_file(pid_t pid, struct procinfo_file *file)
{
    struct stat status;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    if (stat(path, &status) != 0)
        return false;
    *file = (struct procinfo_file){status.st_dev, status.st_ino};
    return true;
}

void procinfo_executable(pid_t pid, char *path, size_t size)
{
    static const char deleted[] = " (deleted)";
    char link[48];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    length = readlink(link, path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    if (length > (ssize_t)sizeof(deleted) &&
        strcmp(path + length - (sizeof(deleted) - 1), deleted) == 0)
        path[length - (ssize_t)(sizeof(deleted) - 1)] = '\0';
}

size_t procinfo_arguments(pid_t pid, char *arguments, size_t size)
{
    char path[48];

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    return read_text(path, arguments, size);
}

#if defined(__x86_64__)
/*
 * The kernel keeps "tsc" among the clock sources it offers only as long as its
 * watchdog finds the counters in step; a virtual machine may use another one.
 */
bool procinfo_tsc_reliable(void)
{
    static const char path[] = "/sys/devices/system/clocksource/clocksource0/available_clocksource";
    const unsigned invariant = 1u << 8; /* leaf 0x80000007, EDX */
    unsigned a, b, c, d;
    char sources[256];

    if (!__get_cpuid(0x80000007u, &a, &b, &c, &d) || !(d & invariant))
        return false;
    read_text(path, sources, sizeof(sources));
    for (char *rest = sources, *word; (word = strsep(&rest, " \n")) != NULL;)
        if (strcmp(word, "tsc") == 0)
            return true;
    return false;
}
#else
bool procinfo_tsc_reliable(void)
{
    return false;
}
#endif

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The length of a title without the word that `slash` is in, and what is behind it. */
static size_t before_path(const char *title, const char *slash)
{
    size_t length = (size_t)(slash - title);

    while (length && title[length - 1] != ' ')
        length--;
    while (length && strchr(": ", title[length - 1]))
        length--;
    return length;
}

void procinfo_name(char *name, size_t size, const char *first, const char *executable)
{
    const char *colon = strstr(first, ": "), *slash = strchr(first, '/');

    if (colon && slash && colon < slash)
        snprintf(name, size, "%.*s", (int)before_path(first, slash), first);
    else
        snprintf(name, size, "%s", base_of(first));
    if (!*name)
        snprintf(name, size, "%s", base_of(executable));
}
