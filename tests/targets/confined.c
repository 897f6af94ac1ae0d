// SPDX-License-Identifier: Apache-2.0
/*
 * Allocates under a seccomp filter that refuses every system call but those
 * that the C library's allocator and this program's own output need.
 *
 *   confined          other calls are refused
 *   confined kill     other calls end the program; futex is allowed
 *   confined threads  the same, with what the C library's threads need
 *   confined syscall  the same, by seccomp(2), which has no function of its own in the C library
 */
#define _GNU_SOURCE
#include "threads.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW(call)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int by_syscall;

static int install(struct sock_filter *filter, size_t length)
{
    struct sock_fprog program = {(unsigned short)length, filter};

    if (by_syscall)
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
               syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

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
    return install(filter, sizeof filter / sizeof *filter);
}

/* Without gettid, prctl, rt_sigaction and all others that a program has no use for here. */
static int confine_to_death(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(brk),
        ALLOW(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(write),
        ALLOW(exit_group),
        ALLOW(futex),
        /* threads */
        ALLOW(clone3),
        ALLOW(mprotect),
        ALLOW(madvise),
        ALLOW(rseq),
        ALLOW(set_robust_list),
        ALLOW(rt_sigprocmask),
        ALLOW(exit),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };

    return install(filter, sizeof filter / sizeof *filter);
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

static void *confined_thread(void *tally)
{
    confined(tally);
    return NULL;
}

static void *nothing(void *unused)
{
    return unused;
}

int main(int argc, char **argv)
{
    struct tally t = {0};

    by_syscall = argc > 1 && !strcmp(argv[1], "syscall");
    if (argc > 1) {
        /* libc asks for random numbers at the first allocation, and sets a signal at the first
         * thread */
        free(malloc(1));
        pthread_join(start(nothing, NULL), NULL);
    }
    if (argc > 1 ? confine_to_death() : confine())
        return 77;
    if (by_syscall || (argc > 1 && !strcmp(argv[1], "threads")))
        for (int i = 0; i < 5; i++)
            pthread_join(start(confined_thread, &t), NULL);
    else
        confined(&t);
    if (argc > 1) {
        tally_say(&t, "in.confined.");
        return 0;
    }
    tally_say(&t, "");
    return 0;
}
