// SPDX-License-Identifier: Apache-2.0
#include "src/host/process/heldmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define PAGE ((size_t)4096) /* or a part of one */

void heldmemory_init(struct heldmemory *m, pid_t pid)
{
    *m = (struct heldmemory){pid, -1};
}

void heldmemory_release(struct heldmemory *m)
{
    if (m->file >= 0)
        close(m->file);
    m->file = -1;
}

static bool open_file(struct heldmemory *m)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)m->pid);
    m->file = open(path, O_RDONLY | O_CLOEXEC);
    return m->file >= 0;
}

/* As many bytes of the pieces as the kernel gives in one call. */
static ssize_t read_once(struct heldmemory *m, const struct iovec *pieces, unsigned long count,
                         void *to, size_t size)
{
    struct iovec place = {to, size};
    ssize_t got;

    if (m->file < 0) {
        got = process_vm_readv(m->pid, &place, 1, pieces, count, 0);
        if (got >= 0 || (errno != EPERM && errno != ENOSYS))
            return got;
        if (!open_file(m))
            return -1;
    }
    got = pread(m->file, to, pieces[0].iov_len, (off_t)(uintptr_t)pieces[0].iov_base);
    if (got < 0 && errno == EIO)
        errno = EFAULT;
    return got;
}

/* Where a reading of pieces stands. */
struct place {
    const struct iovec *pieces; /* from the one that is read next on, */
    unsigned long count;
    size_t offset; /* from here in it */
};

static void advance(struct place *p, size_t bytes)
{
    while (p->count && bytes >= p->pieces[0].iov_len - p->offset) {
        bytes -= p->pieces[0].iov_len - p->offset;
        p->offset = 0;
        p->pieces++;
        p->count--;
    }
    p->offset += bytes;
}

/* What is left of the first piece, or only what of it lies in its first page. */
static struct iovec first_of(const struct place *p, bool page)
{
    uintptr_t start = (uintptr_t)p->pieces[0].iov_base + p->offset;
    size_t left = p->pieces[0].iov_len - p->offset, in_page = PAGE - (start & (PAGE - 1));

    return (struct iovec){(void *)start, page && left > in_page ? in_page : left};
}

/*
 * A call may give less than there is: it ends with a whole piece, by process_vm_readv(2), or after
 * some limit.  Only a page that cannot be read by itself is one that cannot be read.
 */
ssize_t heldmemory_read(struct heldmemory *m, const struct iovec *pieces, unsigned long count,
                        void *to, size_t size)
{
    struct place p = {pieces, count, 0};
    size_t done = 0;

    while (p.count && done < size) {
        struct iovec first = first_of(&p, false);
        ssize_t got = p.offset ? read_once(m, &first, 1, (char *)to + done, size - done)
                               : read_once(m, p.pieces, p.count, (char *)to + done, size - done);

        if (got < 0 && (errno == EFAULT || errno == ENOMEM)) {
            first = first_of(&p, true);
            got = read_once(m, &first, 1, (char *)to + done, size - done);
        }
        if (got <= 0)
            return done ? (ssize_t)done : got;
        done += (size_t)got;
        advance(&p, (size_t)got);
    }
    return (ssize_t)done;
}
