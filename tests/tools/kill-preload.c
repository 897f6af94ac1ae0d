// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded, it kills its process when that is about to make its call of ptrace of the number
 * that KILL_AT names, counted from when the file that KILL_WHEN names is there.  With
 * KILL_COUNT the number of calls so far is written to that file instead, as it grows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic unsigned calls;

static void count(void)
{
    const char *when = getenv("KILL_WHEN"), *at = getenv("KILL_AT"), *file = getenv("KILL_COUNT");
    unsigned number;
    int fd;

    if (when && access(when, F_OK) != 0)
        return;
    number = atomic_fetch_add(&calls, 1) + 1;
    if (at && number == (unsigned)atoi(at))
        kill(getpid(), SIGKILL);
    fd = file ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        dprintf(fd, "%u\n", number);
        close(fd);
    }
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    void *address, *data;
    int before = errno;
    pid_t tid;

    va_start(arguments, request);
    tid = va_arg(arguments, pid_t);
    address = va_arg(arguments, void *);
    data = va_arg(arguments, void *);
    va_end(arguments);
    count();
    errno = before;
    return syscall(SYS_ptrace, request, tid, address, data);
}
