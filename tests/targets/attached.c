// SPDX-License-Identifier: Apache-2.0
/*
 * A program that runs before it is recorded, and does as it is told by letters on its standard
 * input.  Each letter's work ends with the line done=LETTER.
 *
 *   w  allocate and free, also by libc's strdup; free and move blocks from before, the first
 *      eight times
 *   t  the same by each of the threads, which were there before
 *   p  load argv[1], then argv[2] by its name alone, and have them allocate
 *   i  say how often a waiting system call failed with EINTR, and whether floating-point numbers
 *      that a thread computes with came out as they should
 *   l  lose three blocks of 77 bytes, keep two of 55
 *   g  say which library's malloc it calls
 *   h  handle signals that faults raise from now on
 *   u  handle SIGUSR1 from now on, for 300 ms each time
 *   s  say how many of two such signals were handled, and whether another thread can load argv[1]
 *   k  have system calls of this thread that open files or connect end the process
 *   K  those of all threads
 *   v  vfork a child that says its number, and ends two seconds later
 *   c  fork a child that allocates and ends
 *   x  become argv[3]
 *   a  end by abort
 *   e  end with status 3
 *
 * What w and t do since the last l is in the totals that it states.
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 4
#define BEFORE 64

static struct tally tally;
static void *before[BEFORE];
static unsigned before_used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t go[THREADS], gone;
static volatile unsigned interrupted, wrong_sums;
static void *volatile kept[2];

static void took(size_t size)
{
    pthread_mutex_lock(&lock);
    tally_took(&tally, size);
    pthread_mutex_unlock(&lock);
}

static void gave(size_t size)
{
    pthread_mutex_lock(&lock);
    tally_gave(&tally, size);
    pthread_mutex_unlock(&lock);
}

NOINLINE static void work(void)
{
    static const char text[] = "a text of twenty-nine letters";
    char *blocks[100];

    for (size_t i = 0; i < 100; i++) {
        size_t size = i % 4 ? 24 + i : sizeof(text);

        blocks[i] = i % 4 ? malloc(size) : strdup(text);
        KEEP(blocks[i]);
        took(size);
    }
    for (size_t i = 0; i < 100; i += 2) {
        free(blocks[i]);
        gave(i % 4 ? 24 + i : sizeof(text));
    }
}

NOINLINE static void touch_earlier(void)
{
    if (before_used + 8 > BEFORE)
        return;
    for (int i = 0; i < 5; i++)
        free(before[before_used++]);
    for (int i = 0; i < 3; i++, before_used++) {
        before[before_used] = realloc(before[before_used], 5000);
        took(5000);
    }
}

static void *worker(void *number)
{
    sem_t *mine = &go[(intptr_t)number];

    for (;;) {
        while (sem_wait(mine) != 0)
            interrupted++;
        work();
        sem_post(&gone);
    }
    return NULL;
}

/* Waits in system calls that know nothing of restarting, and computes in between. */
static void *waiter(void *unused)
{
    int waits = epoll_create1(0);
    struct epoll_event event;

    (void)unused;
    for (unsigned i = 0;; i++) {
        struct timespec t = {.tv_nsec = 3000000};
        double sum = 0;

        if (epoll_wait(waits, &event, 1, 3) < 0 && errno == EINTR)
            interrupted++;
        if (nanosleep(&t, NULL) != 0)
            interrupted++;
        if (poll(NULL, 0, 3) != 0)
            interrupted++;
        for (unsigned k = 1; k <= 100000; k++)
            sum += 1.0 / ((double)k * (double)k);
        if (fabs(sum - 1.6449240668982) > 1e-9)
            wrong_sums++;
    }
    return NULL;
}

static void load(char **argv)
{
    void *one = dlopen(argv[1], RTLD_NOW), *two = dlopen(argv[2], RTLD_NOW);
    void (*first)(size_t) = one ? (void (*)(size_t))dlsym(one, "one_plugin") : NULL;
    void (*second)(size_t) = two ? (void (*)(size_t))dlsym(two, "two_plugin") : NULL;

    if (!first || !second) {
        say_text("failed", dlerror());
        return;
    }
    first(1001);
    second(2002);
    dlclose(one);
}

NOINLINE static void overwrite(void)
{
    volatile char room[4096];

    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = 1;
}

NOINLINE static void lose(void)
{
    for (int i = 0; i < 3; i++) {
        void *volatile lost = malloc(77);

        KEEP(lost);
        lost = NULL;
    }
    kept[0] = malloc(55);
    kept[1] = malloc(55);
    overwrite(); /* what is left of the lost ones' addresses in registers and on the stack */
}

/* Which library a call of malloc goes to: what the linker's table of addresses says. */
static void say_malloc(void)
{
    void *(*volatile pointer)(size_t) = malloc;
    Dl_info info = {0};
    const char *slash;

    dladdr((void *)pointer, &info);
    slash = info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
    say_text("malloc_from", slash ? slash + 1 : "?");
}

static void confine(unsigned flags)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    say("confined", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0);
}

static void child_in_our_memory(void)
{
    const struct timespec t = {.tv_sec = 2};
    pid_t pid = vfork();
    int status;

    if (pid == 0) {
        say("vforked", (uint64_t)getpid());
        nanosleep(&t, NULL);
        _exit(0);
    }
    waitpid(pid, &status, 0);
}

static void child(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        work();
        _exit(6);
    }
    waitpid(pid, &status, 0);
    say("child", WEXITSTATUS(status));
}

static volatile sig_atomic_t handled;

static void handle(int signal)
{
    (void)signal;
    handled++;
}

static void handle_slowly(int signal)
{
    const struct timespec t = {.tv_nsec = 300000000};

    (void)signal;
    nanosleep(&t, NULL);
}

static void *load_one(void *path)
{
    void *one = dlopen(path, RTLD_NOW);

    return one && dlclose(one) == 0 ? path : NULL;
}

static void say_sound(char **argv)
{
    pthread_t thread;
    void *loaded;

    handled = 0;
    raise(SIGSEGV);
    raise(SIGTRAP);
    say("handled", (uint64_t)handled);
    alarm(60); /* if the loader's lock is held for ever */
    pthread_create(&thread, NULL, load_one, argv[1]);
    pthread_join(thread, &loaded);
    alarm(0);
    say("loaded", loaded != NULL);
}

static void obey(char letter, char **argv)
{
    switch (letter) {
    case 'w':
        work();
        touch_earlier();
        break;
    case 't':
        for (int i = 0; i < THREADS; i++)
            sem_post(&go[i]);
        for (int i = 0; i < THREADS; i++)
            while (sem_wait(&gone) != 0)
                interrupted++;
        break;
    case 'p':
        load(argv);
        break;
    case 'i':
        say("interrupted", interrupted);
        say("wrong_sums", wrong_sums);
        break;
    case 'l':
        lose();
        break;
    case 'g':
        say_malloc();
        break;
    case 'h':
        signal(SIGSEGV, handle);
        signal(SIGTRAP, handle);
        break;
    case 'u':
        sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handle_slowly, .sa_flags = SA_RESTART},
                  NULL);
        break;
    case 's':
        say_sound(argv);
        break;
    case 'k':
        confine(0);
        break;
    case 'K':
        confine(SECCOMP_FILTER_FLAG_TSYNC);
        break;
    case 'v':
        child_in_our_memory();
        break;
    case 'c':
        child();
        break;
    case 'x':
        execl(argv[3], argv[3], (char *)NULL);
        break;
    case 'a':
        abort();
    case 'e':
        exit(3);
    }
}

int main(int argc, char **argv)
{
    char letter, done[] = "done=.\n";
    pthread_t thread;
    ssize_t got;

    (void)argc;
    for (int i = 0; i < BEFORE; i++)
        before[i] = malloc(1000);
    sem_init(&gone, 0, 0);
    for (intptr_t i = 0; i < THREADS; i++) {
        sem_init(&go[i], 0, 0);
        pthread_create(&thread, NULL, worker, (void *)i);
    }
    pthread_create(&thread, NULL, waiter, NULL);
    say("ready", getpid());
    for (;;) {
        got = read(0, &letter, 1);
        if (got < 0 && errno == EINTR)
            interrupted++;
        if (got == 0)
            return 0;
        if (got != 1)
            continue;
        obey(letter, argv);
        if (letter == 'w' || letter == 't')
            tally_say_flow(&tally, "");
        done[5] = letter;
        put(done, sizeof(done) - 1);
    }
}
