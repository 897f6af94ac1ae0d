// SPDX-License-Identifier: Apache-2.0
/*
 * Ends in the way that it is told, by the table at the end: from main, threads, exit
 * handlers, destructors, signal handlers and children.  What it prints on the way, in
 * libc's buffer until the end of most, says in which order things happened.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* As LeakSanitizer's function is named; what is no function must not be called. */
const char *__lsan_default_suppressions = "leak:nothing\n";

static jmp_buf back;
static void *volatile held;

NOINLINE static void lose(void)
{
    held = malloc(1000);
    held = malloc(77);
}

static void sometime(const char *what)
{
    printf("%s\n", what);
    free(malloc(10));
}

static void at_exit(void)
{
    sometime("exit handler");
}

static void at_quick(void)
{
    sometime("quick handler");
    fflush(stdout);
}

static void exits_again(void)
{
    sometime("exit handler that exits");
    exit(9);
}

static void leaves_now(void)
{
    sometime("exit handler that leaves");
    fflush(stdout);
    _exit(11);
}

static int destructor_exits;

__attribute__((destructor)) static void destroy(void)
{
    sometime("destructor");
    if (destructor_exits)
        exit(12);
}

static void *allocate_for_ever(void *unused)
{
    for (;;) {
        void *p = malloc(50);

        KEEP(p);
        free(p);
    }
    return unused;
}

static void busy(int threads)
{
    for (int i = 0; i < threads; i++)
        start(allocate_for_ever, NULL);
    usleep(20000);
}

static void *exit_here(void *unused)
{
    exit(7);
    return unused;
}

static void *outlive_main(void *unused)
{
    usleep(20000);
    sometime("the last thread");
    return unused;
}

static void exit_in_handler(int number)
{
    printf("handler of %d\n", number);
    exit(6);
}

static void jump_back(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

static void return_from(int number)
{
    printf("handler of %d\n", number);
    fflush(stdout);
}

static void in_child(void (*how)(void), int by_vfork)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = by_vfork ? vfork() : fork();
    if (child == 0)
        how();
    waitpid(child, &status, 0);
    printf("child: exited %d status %d signal %d\n", WIFEXITED(status),
           WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void now(void)
{
    _exit(4);
}

static void by_exit(void)
{
    exit(5);
}

static void by_term(void)
{
    raise(SIGTERM);
}

static void by_segv(void)
{
    *(volatile int *)8 = 1;
}

NOINLINE static int recurse(int depth)
{
    volatile char room[5000];

    room[0] = (char)depth;
    return depth < 0 ? 0 : recurse(depth + 1) + room[0];
}

static void small_stack(size_t bytes)
{
    stack_t s = {.ss_size = bytes};

    s.ss_sp = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&s, NULL);
}

static void confine(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* ----------------------------------------------------------------- ways -- */

static void way_return(void)
{
}

static void way_exit(void)
{
    exit(3);
}

static void way_exit_from_thread(void)
{
    busy(3);
    start(exit_here, NULL);
    pause();
}

static void way_exit_from_two_threads(void)
{
    start(exit_here, NULL);
    start(exit_here, NULL);
    pause();
}

static void way_exit_in_handler(void)
{
    signal(SIGUSR1, exit_in_handler);
    raise(SIGUSR1);
}

static void way_exit_in_exit_handler(void)
{
    atexit(exits_again);
    exit(3);
}

static void way_exit_in_destructor(void)
{
    destructor_exits = 1;
}

static void way__exit_in_exit_handler(void)
{
    atexit(leaves_now);
}

static void way_signal_in_exit_handler(void)
{
    atexit(by_term);
}

static void way__exit(void)
{
    _exit(4);
}

static void way__Exit(void)
{
    _Exit(5);
}

static void way_quick_exit(void)
{
    at_quick_exit(at_quick);
    quick_exit(8);
}

static void way_err(void)
{
    errno = EDOM;
    err(13, "out of libc");
}

static void way_abort(void)
{
    abort();
}

static void way_abort_and_jump(void)
{
    signal(SIGABRT, jump_back);
    if (!sigsetjmp(back, 1))
        abort();
    sometime("jumped back");
}

static void way_abort_and_return(void)
{
    signal(SIGABRT, return_from);
    abort();
}

static void way_abort_ignored(void)
{
    signal(SIGABRT, SIG_IGN);
    abort();
}

static void way_abort_blocked(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGABRT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    abort();
}

static void way_double_free(void)
{
    void *volatile p = malloc(3000);

    held = malloc(10); /* so that it does not merge with the top of the heap */
    free(p);
    free(p);
}

static void way_main_thread_ends(void)
{
    start(outlive_main, NULL);
    pthread_exit(NULL);
}

static void way_only_thread_ends(void)
{
    pthread_exit(NULL);
}

static void way_cancelled_thread(void)
{
    pthread_t t = start(allocate_for_ever, NULL);

    for (int i = 0; i < 3; i++) {
        usleep(1000);
        pthread_cancel(t);
    }
}

static void way_segv(void)
{
    by_segv();
}

static void way_segv_on_small_stack(void)
{
    small_stack((size_t)sysconf(_SC_MINSIGSTKSZ) + 2048);
    by_segv();
}

static void way_stack_overflow(void)
{
    held = (void *)(intptr_t)recurse(0);
}

static void way_stack_overflow_on_small_stack(void)
{
    small_stack((size_t)sysconf(_SC_MINSIGSTKSZ) + 2048);
    held = (void *)(intptr_t)recurse(0);
}

static void way_fpe(void)
{
    volatile int zero = 0;

    held = (void *)(intptr_t)(getpid() / zero);
}

static void way_ill(void)
{
    __builtin_trap();
}

static void way_bus(void)
{
    int fd = memfd_create("short", 0);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    *(volatile char *)p = 1;
}

static void way_sys(void)
{
    confine();
    syscall(SYS_getppid);
    sometime("after the call");
}

/* Its filter ends it for every call but those that it needs to end by itself. */
static void way_confined(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    fflush(stdout);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Whether the kernel has filters is found out by calls that fail: it remains unconfined. */
static void way_unconfined(void)
{
    long by_syscall = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL);

    printf("asked: %ld, %d\n", by_syscall, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
    exit(4);
}

static void way_trap(void)
{
#if defined(__x86_64__)
    __asm__ volatile("int3");
    sometime("after the trap");
#else
    raise(SIGTRAP);
#endif
}

static void way_term_in_malloc(void)
{
    busy(4);
    kill(getpid(), SIGTERM);
    pause();
}

static void way_term_thrice(void)
{
    busy(2);
    for (int i = 0; i < 3; i++)
        kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);
    pause();
}

NOINLINE static uintptr_t make_disguised(void)
{
    return ~(uintptr_t)malloc(123);
}

/* What nothing but a register refers to that calls need not preserve. */
static void way_in_register(void)
{
    volatile char stale[4096];
    uintptr_t block = make_disguised();

    for (size_t i = 0; i < sizeof stale; i++)
        stale[i] = 0;
    alarm(1);
#if defined(__x86_64__)
    __asm__ volatile("movq %0, %%rcx\n\tnotq %%rcx\n1:\tpause\n\tjmp 1b" : : "r"(block) : "rcx");
#else
    for (void *plain = (void *)~block;;)
        KEEP(plain);
#endif
}

/* The same of a vector register. */
static void way_in_vector(void)
{
    volatile char stale[4096];
    uintptr_t block = make_disguised();

    for (size_t i = 0; i < sizeof stale; i++)
        stale[i] = 0;
    alarm(1);
#if defined(__x86_64__)
    __asm__ volatile("notq %0\n\tmovq %0, %%xmm3\n\txorq %0, %0\n1:\tpause\n\tjmp 1b"
                     : "+r"(block)
                     :
                     : "xmm3");
#else
    for (void *plain = (void *)~block;;)
        KEEP(plain);
#endif
}

static void way_timer(void)
{
    alarm(1);
    allocate_for_ever(NULL);
}

static void way_value(void)
{
    sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 5});
}

static void way_children(void)
{
    in_child(now, 0);
    in_child(now, 1);
    in_child(by_exit, 0);
    in_child(abort, 0);
    in_child(by_term, 0);
    in_child(by_segv, 0);
    in_child(by_term, 1);
    printf("system: %d\n", system("exit 3"));
}

static void way_exec(void)
{
    fflush(stdout);
    execl("/bin/echo", "echo", "executed", (char *)NULL);
}

static void raise_default(int number)
{
    raise(number);
    sometime("not ended by it");
}

#define WAY(name)                                                                                  \
    {                                                                                              \
#name, way_##name                                                                          \
    }
static const struct {
    const char *name;
    void (*go)(void);
} ways[] = {
    WAY(return ),
    WAY(exit),
    WAY(exit_from_thread),
    WAY(exit_from_two_threads),
    WAY(exit_in_handler),
    WAY(exit_in_exit_handler),
    WAY(exit_in_destructor),
    WAY(_exit_in_exit_handler),
    WAY(signal_in_exit_handler),
    WAY(_exit),
    WAY(_Exit),
    WAY(quick_exit),
    WAY(err),
    WAY(abort),
    WAY(abort_and_jump),
    WAY(abort_and_return),
    WAY(abort_ignored),
    WAY(abort_blocked),
    WAY(double_free),
    WAY(main_thread_ends),
    WAY(only_thread_ends),
    WAY(cancelled_thread),
    WAY(segv),
    WAY(segv_on_small_stack),
    WAY(stack_overflow),
    WAY(stack_overflow_on_small_stack),
    WAY(fpe),
    WAY(ill),
    WAY(bus),
    WAY(sys),
    WAY(confined),
    WAY(unconfined),
    WAY(trap),
    WAY(term_in_malloc),
    WAY(term_thrice),
    WAY(in_register),
    WAY(in_vector),
    WAY(timer),
    WAY(value),
    WAY(children),
    WAY(exec),
};

int main(int argc, char **argv)
{
    atexit(at_exit);
    sometime("begun");
    lose();
    errno = 33;
    if (argc > 2)
        raise_default(atoi(argv[2]));
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            ways[i].go();
    printf("errno %d\n", errno);
    return 2;
}
