/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that replaces itself by another program stays recorded (carry.h).  In a
 * child that shares our memory (vfork) nothing here is written to but its stack.
 */
#include "preload/carry.h"
#include "preload/entry.h"
#include "preload/real.h"
#include "src/shared/rawcall.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

/* One of the four interfaces that all others come down to. */
struct executing {
    enum { BY_PATH, BY_SEARCH, BY_DESCRIPTOR, BY_FOLDER } by;
    const char *path;
    int fd, flags;
    char *const *argv;
    char *const *envp;
};

static void note_executing(uint32_t value)
{
    /* relaxed: read by the host after this image has ended */
    atomic_store_explicit(&segment_header(&session.segment)->executed, value, memory_order_relaxed);
}

/* Without a found libc function there is still the system call. */
static int plain_execve(const char *path, char *const argv[], char *const envp[])
{
    long result;

    if (session_stage() == STAGE_FOUND && real.execve)
        return real.execve(path, argv, envp);
    result = rawcall(SYS_execve, path, argv, envp);
    errno = (int)-result;
    return -1;
}

/* Not in glibc before 2.34. */
static int plain_execveat(const struct executing *e, char *const *envp)
{
    long result;

    if (session_stage() == STAGE_FOUND && real.execveat)
        return real.execveat(e->fd, e->path, e->argv, envp, e->flags);
    result = rawcall6(SYS_execveat, e->fd, (long)e->path, (long)e->argv, (long)envp, e->flags, 0);
    errno = (int)-result;
    return -1;
}

static int execute_with(const struct executing *e, char *const *envp)
{
    if (e->by == BY_PATH)
        return plain_execve(e->path, e->argv, envp);
    if (e->by == BY_SEARCH && real.execvpe)
        return real.execvpe(e->path, e->argv, envp);
    if (e->by == BY_DESCRIPTOR && real.fexecve)
        return real.fexecve(e->fd, e->argv, envp);
    if (e->by == BY_FOLDER)
        return plain_execveat(e, envp);
    errno = ENOSYS;
    return -1;
}

/* Where the file is: as given, found as libc would, or by its descriptor. */
static bool allows(struct carry_question *q, const struct executing *e)
{
    switch (e->by) {
    case BY_PATH:
        return carry_allowed(q, e->path);
    case BY_SEARCH:
        return carry_allowed_by_search(q, e->path);
    case BY_FOLDER:
        return carry_allowed_at(q, e->fd, e->path, e->flags);
    default:
        return carry_allowed_descriptor(q, e->fd);
    }
}

static int execute_carrying(const struct executing *e)
{
    bool in_place = session_recording() && session_here();
    struct carried carried;
    int result;

    carry_measure(&carried, e->envp);
    carry_place(&carried, carried.bytes <= CARRY_ON_STACK ? __builtin_alloca(carried.bytes) : NULL);
    if (in_place)
        note_executing(EXECUTED_HEARD);
    result = carried.envp ? execute_with(e, carried.envp) : -1;
    if (!carried.envp || errno == E2BIG) { /* the program's own may have room, if only just */
        carry_missed(1);
        if (in_place)
            note_executing(EXECUTED_UNHEARD);
        result = execute_with(e, e->envp);
        carry_missed(-1);
    }
    if (in_place)
        note_executing(0);
    carry_release(&carried);
    return result;
}

/* `missed`: this process's own image goes, and memprof was not asked for the next. */
static int execute_past(const struct executing *e, bool missed)
{
    int result;

    if (missed)
        note_executing(EXECUTED_UNHEARD);
    result = execute_with(e, e->envp);
    if (missed)
        note_executing(0);
    return result;
}

static int execute(const struct executing *e)
{
    struct carry_question question = {0};
    int result;

    if (carry_wanted() && allows(&question, e))
        result = execute_carrying(e);
    else
        result = execute_past(e, question.missed && session_recording() && session_here());
    carry_failed(&question);
    return result;
}

ENTRY int execve(const char *path, char *const argv[], char *const envp[])
{
    struct executing e = {.by = BY_PATH, .path = path, .argv = argv, .envp = envp};

    return execute(&e);
}

ENTRY int execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct executing e = {.by = BY_SEARCH, .path = file, .argv = argv, .envp = envp};

    return execute(&e);
}

ENTRY int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct executing e = {.by = BY_DESCRIPTOR, .fd = fd, .argv = argv, .envp = envp};

    return execute(&e);
}

ENTRY int execveat(int folder, const char *path, char *const argv[], char *const envp[], int flags)
{
    struct executing e = {
        .by = BY_FOLDER, .path = path, .fd = folder, .flags = flags, .argv = argv, .envp = envp};

    return execute(&e);
}

ENTRY int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

ENTRY int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/*
 * The forms with the arguments in the call: count them, then copy them to the
 * stack, as libc itself does (a vfork child must not touch its parent's heap).
 */
static size_t count_arguments(va_list rest)
{
    size_t count = 1; /* the first is named */

    while (va_arg(rest, char *))
        count++;
    return count;
}

static void copy_arguments(char **argv, const char *first, size_t count, va_list rest)
{
    argv[0] = (char *)(uintptr_t)first;
    for (size_t i = 1; i <= count; i++)
        argv[i] = va_arg(rest, char *);
}

#define GATHER_ARGUMENTS(argv, first)                                                              \
    size_t count;                                                                                  \
    char **argv;                                                                                   \
    va_list rest;                                                                                  \
                                                                                                   \
    va_start(rest, first);                                                                         \
    count = count_arguments(rest);                                                                 \
    va_end(rest);                                                                                  \
    argv = __builtin_alloca((count + 1) * sizeof(char *));                                         \
    va_start(rest, first);                                                                         \
    copy_arguments(argv, first, count, rest);                                                      \
    argv[count] = NULL

ENTRY int execl(const char *path, const char *first, ...)
{
    GATHER_ARGUMENTS(argv, first);
    va_end(rest);
    return execv(path, argv);
}

ENTRY int execlp(const char *file, const char *first, ...)
{
    GATHER_ARGUMENTS(argv, first);
    va_end(rest);
    return execvp(file, argv);
}

ENTRY int execle(const char *path, const char *first, ...)
{
    char *const *envp;

    GATHER_ARGUMENTS(argv, first);
    envp = va_arg(rest, char *const *);
    va_end(rest);
    return execve(path, argv, envp);
}
