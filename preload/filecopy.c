/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/filecopy.h"

#include "src/shared/rawcall.h"
#include "src/shared/sysmem.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define KERNEL_SET_BYTES 8
#define LINE_BYTES 1024u /* a line of the table; what is longer is passed over */

/* A line: "START-END PERMS OFFSET MAJOR:MINOR INODE     PATH". */
struct line {
    uint64_t start, end, offset, major, minor, inode;
    const char *permissions, *path;
};

/* Not on the stack, which is the program's; there is one user at a time. */
static char block[4096], text[LINE_BYTES];

/* ----------------------------------------------------- /proc/self/maps -- */

static uint64_t take_number(const char **at, unsigned base)
{
    uint64_t value = 0;

    for (;; (*at)++) {
        unsigned digit = **at >= 'a' ? (unsigned)(**at - 'a') + 10 : (unsigned)(**at - '0');

        if (**at < '0' || (**at > '9' && **at < 'a') || digit >= base)
            return value;
        value = value * base + digit;
    }
}

static bool take_char(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

static bool line_parse(const char *at, struct line *l)
{
    l->start = take_number(&at, 16);
    if (!take_char(&at, '-'))
        return false;
    l->end = take_number(&at, 16);
    if (!take_char(&at, ' ') || strlen(at) < 5)
        return false;
    l->permissions = at;
    at += 4;
    if (!take_char(&at, ' '))
        return false;
    l->offset = take_number(&at, 16);
    if (!take_char(&at, ' '))
        return false;
    l->major = take_number(&at, 16);
    if (!take_char(&at, ':'))
        return false;
    l->minor = take_number(&at, 16);
    if (!take_char(&at, ' '))
        return false;
    l->inode = take_number(&at, 10);
    while (*at == ' ')
        at++;
    l->path = at;
    return *at == '/' && l->inode != 0;
}

/* Lines that another begins in `block` and ends in the next one are put together in `text`. */
static bool line_find(int fd, uint64_t wanted, struct line *l)
{
    size_t used = 0;
    long got;

    while ((got = rawcall(SYS_read, fd, block, sizeof(block))) > 0)
        for (long i = 0; i < got; i++) {
            if (block[i] != '\n') {
                text[used < LINE_BYTES ? used++ : LINE_BYTES - 1] = block[i];
                continue;
            }
            text[used < LINE_BYTES ? used : LINE_BYTES - 1] = '\0';
            if (used < LINE_BYTES && line_parse(text, l) && wanted >= l->start && wanted < l->end)
                return true;
            used = 0;
        }
    return false;
}

static bool mapping_find(uint64_t at, struct line *l)
{
    long fd =
        rawcall6(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    bool found;

    if (fd < 0)
        return false;
    found = line_find((int)fd, at, l);
    rawcall(SYS_close, fd, 0, 0);
    return found && memcmp(l->permissions, "r-", 2) == 0 && l->permissions[3] == 'p';
}

/* ----------------------------------------------------------- the file -- */

static bool file_is(const struct filecopy *f, const struct line *l, uint64_t *bytes)
{
    struct stat status;

    if (rawcall(SYS_fstat, f->fd, &status, 0) < 0 || !S_ISREG(status.st_mode))
        return false;
    *bytes = (uint64_t)status.st_size;
    return status.st_ino == l->inode &&
           status.st_dev == makedev((unsigned)l->major, (unsigned)l->minor);
}

static bool file_open(struct filecopy *f, uint64_t at)
{
    struct line l = {0};

    if (!mapping_find(at, &l))
        return false;
    /* O_NONBLOCK: what has this name now may be a pipe */
    f->fd = (int)rawcall6(SYS_openat, AT_FDCWD, (long)l.path,
                          O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0, 0);
    if (f->fd < 0)
        return false;
    f->start = l.start;
    f->end = l.end;
    f->offset = l.offset;
    if (file_is(f, &l, &f->file_bytes))
        return true;
    rawcall(SYS_close, f->fd, 0, 0);
    return false;
}

static void signals_restore(const struct filecopy *f)
{
    rawcall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&f->mask, 0, KERNEL_SET_BYTES, 0, 0);
}

bool filecopy_open(struct filecopy *f, uint64_t at)
{
    static const uint64_t all = ~UINT64_C(0);

    /* a handler might fork, or leave by a jump */
    if (rawcall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&f->mask, KERNEL_SET_BYTES, 0,
                 0) < 0)
        return false;
    if (file_open(f, at))
        return true;
    signals_restore(f);
    return false;
}

static bool holds(const struct filecopy *f, uint64_t start, uint64_t end)
{
    return start >= f->start && start <= end && end <= f->end &&
           end - f->start + f->offset <= f->file_bytes;
}

bool filecopy_read(const struct filecopy *f, uint64_t at, void *into, size_t bytes)
{
    return holds(f, at, at + bytes) &&
           rawcall6(SYS_pread64, f->fd, (long)into, (long)bytes, (long)(at - f->start + f->offset),
                    0, 0) == (long)bytes;
}

const uint8_t *filecopy_map(const struct filecopy *f, uint64_t start, uint64_t end)
{
    if (!holds(f, start, end))
        return NULL;
    return sysmem_map_file(f->fd, start - f->start + f->offset, end - start);
}

void filecopy_close(struct filecopy *f)
{
    rawcall(SYS_close, f->fd, 0, 0);
    signals_restore(f);
}
