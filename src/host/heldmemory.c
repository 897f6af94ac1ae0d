// SPDX-License-Identifier: Apache-2.0
#include "src/host/heldmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

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

ssize_t heldmemory_read(struct heldmemory *m, const struct iovec *pieces, unsigned long count,
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
