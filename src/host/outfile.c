// SPDX-License-Identifier: Apache-2.0
#include "src/host/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int cannot_write(struct error *e, const char *path)
{
    return error_set(e, ERROR_SYSTEM, "cannot write the profile %s", path);
}

static int too_long(struct error *e, const char *path)
{
    return error_set(e, ERROR_INPUT, "cannot write the profile %s: its name is too long", path);
}

int outfile_resolve(struct outfile *f, const char *path, struct error *e)
{
    struct stat status;
    int length;

    memset(f, 0, sizeof *f);
    if (strlen(path) >= sizeof f->path)
        return too_long(e, path);
    strcpy(f->path, path);
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode)) {
            errno = EISDIR;
            return cannot_write(e, path);
        }
        f->special = !S_ISREG(status.st_mode);
        if (!f->special && !realpath(path, f->path))
            return cannot_write(e, path);
    }
    length = snprintf(f->temporary, sizeof f->temporary, "%s.%ld.tmp", f->path, (long)getpid());
    return length > 0 && (size_t)length < sizeof f->temporary ? 0 : too_long(e, path);
}

int outfile_begin(const struct outfile *f, struct error *e)
{
    int fd;

    /* one that an earlier process of this number left behind, or a link that somebody laid there */
    unlink(f->temporary);
    fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
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
    int fd = f->special ? open(f->path, O_WRONLY | O_CLOEXEC) : outfile_begin(f, e);

    if (fd < 0)
        return f->special ? cannot_write(e, f->path) : -1;
    if (write_and_close(fd, bytes, size, durable && !f->special) == 0)
        return f->special ? 0 : outfile_commit(f, e);
    cannot_write(e, f->path);
    if (!f->special)
        outfile_abandon(f);
    return -1;
}
