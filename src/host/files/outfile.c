// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as many as the kernel follows */

static int cannot_write(struct error *e, const char *path)
{
    return error_set(e, ERROR_SYSTEM, "cannot write %s", path);
}

static int too_long(struct error *e, const char *path)
{
    return error_set(e, ERROR_INPUT, "cannot write %s: its name is too long", path);
}

/* ------------------------------------------------------ where it leads -- */

/* The folder that holds `path`: "." for a name alone. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;

    memcpy(folder, path, length);
    folder[length] = '\0';
    if (!length)
        strcpy(folder, ".");
}

/*
 * Whether it may have been laid into `folder` for us: the rule of Linux's
 * fs.protected_symlinks, which may be off.
 */
static bool is_planted(const char *folder, const struct stat *what)
{
    struct stat around;

    return !S_ISREG(what->st_mode) && !S_ISDIR(what->st_mode) && stat(folder, &around) == 0 &&
           (around.st_mode & S_ISVTX) && (around.st_mode & S_IWOTH) && what->st_uid != geteuid() &&
           what->st_uid != around.st_uid;
}

enum step { STEP_END, STEP_LINK, STEP_PLANTED };

/* In place of the link `path`, opened as `fd` in `folder`, where it leads. */
static enum step read_link(int fd, const char *folder, char path[PATH_MAX])
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(fd, "", target, sizeof target - 1);
    int whole;

    if (length < 0)
        return STEP_END;
    target[length] = '\0';
    whole = target[0] == '/' ? snprintf(path, PATH_MAX, "%s", target)
                             : snprintf(path, PATH_MAX, "%s/%s", folder, target);
    return whole < PATH_MAX ? STEP_LINK : STEP_END;
}

/* Looked at and read by one descriptor, so that it cannot be exchanged in between. */
static enum step follow(char path[PATH_MAX])
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    enum step step = STEP_END;
    char folder[PATH_MAX];
    struct stat status;

    if (fd < 0)
        return STEP_END;
    folder_of(path, folder);
    if (fstat(fd, &status) == 0) {
        if (is_planted(folder, &status))
            step = STEP_PLANTED;
        else if (S_ISLNK(status.st_mode))
            step = read_link(fd, folder, path);
    }
    close(fd);
    return step;
}

/* `path` without links at its end; those among its folders are for the kernel to judge. */
static enum step follow_all(char path[PATH_MAX])
{
    enum step step = STEP_LINK;

    for (unsigned links = 0; step == STEP_LINK && links < LINKS_MAX; links++)
        step = follow(path);
    return step;
}

static bool is_at(const char *path, const struct stat *file)
{
    struct stat status;

    return lstat(path, &status) == 0 && status.st_dev == file->st_dev &&
           status.st_ino == file->st_ino;
}

int outfile_resolve(struct outfile *f, const char *path, struct error *e)
{
    enum step step;
    struct stat status;
    int length;

    memset(f, 0, sizeof *f);
    if (strlen(path) >= sizeof f->path)
        return too_long(e, path);
    strcpy(f->path, path);
    step = follow_all(f->path);
    if (step == STEP_PLANTED)
        return error_set(e, ERROR_REFUSED,
                         "cannot write %s: another user laid it into a folder that is everybody's",
                         path);
    errno = ELOOP;
    if (step == STEP_LINK)
        return cannot_write(e, path);
    if (stat(path, &status) == 0) {
        f->special = !S_ISREG(status.st_mode);
        errno = S_ISDIR(status.st_mode) ? EISDIR : ENOENT;
        if (S_ISDIR(status.st_mode) || (!f->special && !is_at(f->path, &status)))
            return cannot_write(e, path);
        if (f->special)
            strcpy(f->path, path); /* /dev/stdout leads to what has no name */
    }
    length = snprintf(f->temporary, sizeof f->temporary, "%s.%ld.tmp", f->path, (long)getpid());
    return length > 0 && (size_t)length < sizeof f->temporary ? 0 : too_long(e, path);
}

/* ------------------------------------------------------------- writing -- */

int outfile_open_special(const struct outfile *f, struct error *e)
{
    int fd = open(f->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    struct stat status;

    if (fd < 0)
        return cannot_write(e, f->path);
    if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode))
        return fd;
    close(fd);
    return error_set(e, ERROR_REFUSED, "cannot write %s: it was exchanged meanwhile", f->path);
}

int outfile_begin(const struct outfile *f, mode_t mode, struct error *e)
{
    int fd;

    /* one that an earlier process of this number left behind, or a link that somebody laid there */
    unlink(f->temporary);
    fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    return fd >= 0 ? fd : cannot_write(e, f->path);
}

int outfile_commit(const struct outfile *f, struct error *e)
{
    if (rename(f->temporary, f->path) == 0)
        return 0;
    cannot_write(e, f->path);
    unlink(f->temporary);
    return -1;
}

void outfile_abandon(const struct outfile *f)
{
    unlink(f->temporary);
}

static int write_all(int fd, const char *bytes, size_t size, size_t *written)
{
    while (*written < size) {
        ssize_t n = write(fd, bytes + *written, size - *written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        *written += (size_t)n;
    }
    return 0;
}

/*
 * A limit on the size of files, or a pipe without a reader, is an error like
 * others here and not the end of the process.
 */
int outfile_write(int fd, const void *bytes, size_t size, size_t *written)
{
    const struct timespec at_once = {0, 0};
    sigset_t signals, before;
    int failed;

    *written = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    failed = write_all(fd, bytes, size, written);
    if (failed == EFBIG && !sigismember(&before, SIGXFSZ)) {
        sigdelset(&signals, SIGPIPE);
        sigtimedwait(&signals, NULL, &at_once);
    } else if (failed == EPIPE && !sigismember(&before, SIGPIPE)) {
        sigdelset(&signals, SIGXFSZ);
        sigtimedwait(&signals, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return failed ? -1 : 0;
}

/* Write and close `fd`, whatever happens; a full disk may show only when closing. */
static int write_and_close(int fd, const void *bytes, size_t size, bool durable)
{
    size_t written;
    int failed = outfile_write(fd, bytes, size, &written) != 0 ? errno : 0;

    if (!failed && durable && fdatasync(fd) != 0 && errno != EINVAL)
        failed = errno;
    if (close(fd) != 0 && !failed)
        failed = errno;
    errno = failed;
    return failed ? -1 : 0;
}

int outfile_replace(const struct outfile *f, const void *bytes, size_t size, bool durable,
                    struct error *e)
{
    int fd = f->special ? outfile_open_special(f, e) : outfile_begin(f, OUTFILE_SHARED, e);

    if (fd < 0)
        return -1;
    if (write_and_close(fd, bytes, size, durable && !f->special) == 0)
        return f->special ? 0 : outfile_commit(f, e);
    cannot_write(e, f->path);
    if (!f->special)
        outfile_abandon(f);
    return -1;
}
