/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that replaces itself by another program stays recorded: what memprof
 * added to the environment, and environment.h took out, is put back for the new
 * image.  Children that were forked are not followed, and in one that shares our
 * memory (vfork) nothing here is written to.
 */
#include "preload/entry.h"
#include "preload/environment.h"
#include "preload/real.h"
#include "src/shared/rawcall.h"
#include "src/shared/sysmem.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD="

/* An environment this large is built on the stack: there may be no address space for a mapping. */
#define ON_STACK_BYTES (64u << 10)

/* One of the three system interfaces that all others come down to. */
struct executing {
    enum { BY_PATH, BY_SEARCH, BY_DESCRIPTOR } by;
    const char *path;
    int fd;
    char *const *argv;
    char *const *envp;
};

static bool carries(void)
{
    return session_recording() && environment_library()[0] && environment_session()[0] &&
           session_here();
}

static const char *preload_in(char *const *e)
{
    for (; e && *e; e++)
        if (strncmp(*e, PRELOAD, strlen(PRELOAD)) == 0)
            return *e + strlen(PRELOAD);
    return NULL;
}

static char *append(char *to, const char *text)
{
    size_t length = strlen(text);

    memcpy(to, text, length + 1);
    return to + length;
}

/* What carried_fill needs. */
static size_t carried_bytes(char *const *from, size_t *count)
{
    const char *theirs = preload_in(from);

    for (*count = 0; from && from[*count];)
        ++*count;
    return (*count + 3) * sizeof(char *) + strlen(environment_library()) +
           strlen(environment_session()) + (theirs ? strlen(theirs) : 0) + 64;
}

/* LD_PRELOAD with our library first, MEMPROF_SESSION, then the rest as it is. */
static void carried_fill(char **to, char *const *from, size_t count)
{
    const char *theirs = preload_in(from);
    char *text = (char *)(to + count + 3);

    *to++ = text;
    text = append(append(text, PRELOAD), environment_library());
    if (theirs && *theirs)
        text = append(append(text, ":"), theirs);
    *to++ = ++text;
    append(append(append(text, SESSION_ENVIRONMENT), "="), environment_session());
    for (size_t i = 0; i < count; i++)
        if (strncmp(from[i], PRELOAD, strlen(PRELOAD)) != 0)
            *to++ = from[i];
    *to = NULL;
}

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

static int execute_with(const struct executing *e, char *const *envp)
{
    if (e->by == BY_PATH)
        return plain_execve(e->path, e->argv, envp);
    if (e->by == BY_SEARCH && real.execvpe)
        return real.execvpe(e->path, e->argv, envp);
    if (e->by == BY_DESCRIPTOR && real.fexecve)
        return real.fexecve(e->fd, e->argv, envp);
    errno = ENOSYS;
    return -1;
}

static int execute(const struct executing *e)
{
    size_t bytes, count;
    char **carried;
    int result;

    if (!carries())
        return execute_with(e, e->envp);
    bytes = carried_bytes(e->envp, &count);
    carried = bytes <= ON_STACK_BYTES ? __builtin_alloca(bytes) : sysmem_map(bytes);
    if (carried)
        carried_fill(carried, e->envp, count);
    note_executing(1);
    result = execute_with(e, carried ? carried : e->envp);
    note_executing(0);
    if (bytes > ON_STACK_BYTES && carried)
        sysmem_unmap(carried, bytes);
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
