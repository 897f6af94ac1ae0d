/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/environment.h"

#include "src/shared/record.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_stack_end; /* the loader's: the stack pointer at the process's start */

#define PRELOAD_NAME "LD_PRELOAD"

static char library[PATH_MAX];
static char session_socket[PATH_MAX];
static uint32_t origin;

uint64_t environment_stack_end(void)
{
    return (uint64_t)(uintptr_t)__libc_stack_end;
}

/* argc, argv…, NULL, envp…, NULL. */
static char **initial_environment(void)
{
    long argc = *(long *)__libc_stack_end;
    char **argv = (char **)__libc_stack_end + 1;

    if (argc < 0 || argc > 1 << 24 || argv[argc] != NULL)
        return environ; /* something moved the stack's contents */
    return argv + argc + 1;
}

/* The value if `entry` is `name=value`, else NULL. */
static char *value_of(char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1 : NULL;
}

static char **find(const char *name)
{
    char **e = initial_environment();

    for (; e && *e; e++)
        if (value_of(*e, name))
            return e;
    return NULL;
}

const char *environment_get(const char *name)
{
    char **e = find(name);

    return e ? value_of(*e, name) : NULL;
}

static void take_out(char **entry)
{
    for (; *entry; entry++)
        entry[0] = entry[1];
}

static bool put_aside(char *to, const char *from, size_t length)
{
    if (length >= PATH_MAX)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

/* memprof puts itself first and what the user had behind it: leave just that. */
static void restore_preload(void)
{
    char **entry = find(PRELOAD_NAME);
    char *value, *rest;

    if (!entry)
        return;
    value = value_of(*entry, PRELOAD_NAME);
    rest = value + strcspn(value, ": ");
    if (!put_aside(library, value, (size_t)(rest - value)))
        return;
    if (*rest == '\0')
        take_out(entry);
    else
        memmove(value, rest + 1, strlen(rest + 1) + 1);
}

/* IMAGE:PATH, see record.h. */
static void read_session(const char *value)
{
    origin = 0;
    for (; *value >= '0' && *value <= '9'; value++)
        origin = origin * 10 + (uint32_t)(*value - '0');
    if (*value == ':')
        put_aside(session_socket, value + 1, strlen(value + 1));
}

bool environment_restore(void)
{
    char **entry = find(SESSION_ENVIRONMENT);

    if (!entry)
        return false;
    read_session(value_of(*entry, SESSION_ENVIRONMENT));
    take_out(entry);
    restore_preload();
    return true;
}

const char *environment_library(void)
{
    return library;
}

const char *environment_session(void)
{
    return session_socket;
}

uint32_t environment_from(void)
{
    return origin;
}
