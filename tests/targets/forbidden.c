// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a program for which some system calls fail with EPERM, as in a container:
 *
 *   forbidden ptrace[,process_vm_readv] PROGRAM...
 *
 * 77: the system has no filters for system calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int forbid(unsigned call)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 98;
    if ((strstr(argv[1], "ptrace") && forbid(SYS_ptrace)) ||
        (strstr(argv[1], "process_vm_readv") && forbid(SYS_process_vm_readv)))
        return 77;
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 98;
}
