// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/writable.h"

#include "src/host/files/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder that holds `path`, to be freed. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* access() would not do: it knows nothing of read-only mounts under overlays, quotas, full disks.
 */
static int make_nameless(const char *folder)
{
    char *name;
    int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    if (asprintf(&name, "%s/.memprof-XXXXXX", folder) < 0) {
        errno = ENOMEM;
        return -1;
    }
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    free(name);
    return fd;
}

/* A device or a pipe is written as it is. */
static int check_special(const char *path, struct error *e)
{
    if (access(path, W_OK) != 0)
        return error_set(e, ERROR_SYSTEM, "cannot write %s", path);
    return 0;
}

int writable_check(const char *path, struct error *e)
{
    struct outfile file;
    struct stat status;
    char *folder;
    int fd;

    if (*path == '\0' || path[strlen(path) - 1] == '/')
        return error_set(e, ERROR_INPUT, "'%s' is no file name", path);
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return error_set(e, ERROR_INPUT, "cannot write %s: it is a folder", path);
    if (outfile_resolve(&file, path, e) != 0)
        return -1;
    if (file.special)
        return check_special(path, e);
    folder = folder_of(file.path);
    if (!folder)
        return error_set(e, ERROR_MEMORY, "out of memory");
    fd = make_nameless(folder);
    if (fd < 0)
        error_set(e, ERROR_SYSTEM, "cannot write %s", path);
    else
        close(fd);
    free(folder);
    return fd < 0 ? -1 : 0;
}
