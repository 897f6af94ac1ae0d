// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the C library searches when PATH is not set. */
#define DEFAULT_PATH "/bin:/usr/bin"

/* 0 when the file may be executed, else the errno that execve would give. */
static int check(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return errno == ENOTDIR ? ENOENT : errno;
    if (!S_ISREG(status.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
        return EACCES;
    return 0;
}

static char *refuse(const char *name, int why, struct error *e)
{
    if (why == ENOENT)
        error_set(e, ERROR_REFUSED, "%s: not found", name);
    else if (why == EACCES)
        error_set(e, ERROR_REFUSED, "%s: not an executable file", name);
    else
        error_set(e, ERROR_REFUSED, "%s: %s", name, strerror(why));
    if (e)
        e->saved_errno = why;
    return NULL;
}

static char *join(const char *directory, size_t length, const char *name)
{
    char *path;

    if (length == 0)
        return asprintf(&path, "./%s", name) < 0 ? NULL : path;
    return asprintf(&path, "%.*s/%s", (int)length, directory, name) < 0 ? NULL : path;
}

static char *search(const char *name, const char *directories, struct error *e)
{
    int why = ENOENT;

    for (const char *at = directories;; at++) {
        size_t length = strcspn(at, ":");
        char *path = join(at, length, name);
        int failed = path ? check(path) : ENOMEM;

        if (failed == 0)
            return path;
        free(path);
        /* As execvp does: what may not be executed is remembered, the search goes on. */
        if (failed == EACCES)
            why = EACCES;
        at += length;
        if (*at == '\0')
            return refuse(name, why, e);
    }
}

char *program_lookup(const char *name, struct error *e)
{
    const char *directories = getenv("PATH");
    int failed;
    char *copy;

    if (*name == '\0')
        return refuse("''", ENOENT, e);
    if (!strchr(name, '/'))
        return search(name, directories ? directories : DEFAULT_PATH, e);
    failed = check(name);
    if (failed)
        return refuse(name, failed, e);
    copy = strdup(name);
    return copy ? copy : refuse(name, ENOMEM, e);
}
