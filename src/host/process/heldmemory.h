/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the memory of a process that is held still: by process_vm_readv, or where
 * that is not allowed from /proc/PID/mem.
 *
 * Not thread-safe; each thread has one of its own.
 */
#ifndef MEMPROF_HOST_HELDMEMORY_H
#define MEMPROF_HOST_HELDMEMORY_H

#include <sys/types.h>
#include <sys/uio.h>

#define HELDMEMORY_PIECES 1024u /* of a call: UIO_MAXIOV */

struct heldmemory {
    pid_t pid; /* or a thread's id */
    int file;  /* -1: process_vm_readv */
};

void heldmemory_init(struct heldmemory *m, pid_t pid);
void heldmemory_release(struct heldmemory *m);

/*
 * The bytes of `count` pieces of the process, one behind the other: how many were read before
 * the first page that cannot be, whatever the kernel gives in one call.  0: the process is gone; -1
 * with errno set: the first byte is none that can be read (EFAULT, ENOMEM), the process is gone
 * (ESRCH), or another error.
 */
ssize_t heldmemory_read(struct heldmemory *m, const struct iovec *pieces, unsigned long count,
                        void *to, size_t size);

#endif
