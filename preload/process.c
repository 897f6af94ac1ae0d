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

/* A copy of an environment with ours added, in one mapping. */
struct carried {
    char **environment;
    size_t bytes;
};

static bool carries(void)
{
    return session_recording() && environment_library()[0] && environment_session()[0] &&
           (uint32_t)rawcall(SYS_getpid, 0, 0, 0) == session.process_id;
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

/* LD_PRELOAD with our library first, MEMPROF_SESSION, then the rest as it is. */
static void carried_fill(struct carried *c, char *const *from, size_t count)
{
    const char *theirs = preload_in(from);
    char **entry = c->environment;
    char *text = (char *)(c->environment + count + 3);

    *entry++ = text;
    text = append(append(text, PRELOAD), environment_library());
    if (theirs && *theirs)
        text = append(append(text, ":"), theirs);
    *entry++ = ++text;
    append(append(append(text, SESSION_ENVIRONMENT), "="), environment_session());
    for (size_t i = 0; i < count; i++)
        if (strncmp(from[i], PRELOAD, strlen(PRELOAD)) != 0)
            *entry++ = from[i];
    *entry = NULL;
}

static bool carried_init(struct carried *c, char *const *from)
{
    const char *theirs = preload_in(from);
    size_t count = 0;

    while (from && from[count])
        count++;
    c->bytes = (count + 3) * sizeof(char *) + strlen(environment_library()) +
               strlen(environment_session()) + (theirs ? strlen(theirs) : 0) + 64;
    c->environment = sysmem_map(c->bytes);
    if (!c->environment)
        return false;
    carried_fill(c, from, count);
    return true;
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

ENTRY int execve(const char *path, char *const argv[], char *const envp[])
{
    struct carried c;
    int result;

    if (!carries() || !carried_init(&c, envp))
        return plain_execve(path, argv, envp);
    note_executing(1);
    result = plain_execve(path, argv, c.environment);
    note_executing(0);
    sysmem_unmap(c.environment, c.bytes);
    return result;
}

ENTRY int execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct carried c;
    int result;

    if (!real.execvpe) {
        errno = ENOSYS;
        return -1;
    }
    if (!carries() || !carried_init(&c, envp))
        return real.execvpe(file, argv, envp);
    note_executing(1);
    result = real.execvpe(file, argv, c.environment);
    note_executing(0);
    sysmem_unmap(c.environment, c.bytes);
    return result;
}

ENTRY int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct carried c;
    int result;

    if (!real.fexecve) {
        errno = ENOSYS;
        return -1;
    }
    if (!carries() || !carried_init(&c, envp))
        return real.fexecve(fd, argv, envp);
    note_executing(1);
    result = real.fexecve(fd, argv, c.environment);
    note_executing(0);
    sysmem_unmap(c.environment, c.bytes);
    return result;
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
