// SPDX-License-Identifier: Apache-2.0
/*
 * Allocates under a seccomp filter that refuses every system call but those
 * that the C library's allocator and this program's own output need.
 */
#define _GNU_SOURCE
#include "tally.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW(call)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int confine(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(brk),
        ALLOW(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(write),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

NOINLINE static void confined(struct tally *t)
{
    for (int i = 0; i < 200000; i++) {
        size_t size = (size_t)(10 + i % 500);
        void *p = malloc(size);

        KEEP(p);
        tally_took(t, size);
        if (i % 100) {
            free(p);
            tally_gave(t, size);
        }
    }
}

int main(void)
{
    struct tally t = {0};

    if (confine())
        return 77;
    confined(&t);
    tally_say(&t, "");
    return 0;
}
