// SPDX-License-Identifier: Apache-2.0
/*
 * A program that is busy in the way that its first argument names, until its standard input ends:
 *
 *   crowd     500 threads, each of which allocates and frees now and then
 *   churn     threads are made and end all the time
 *   fork      children are forked all the time, by two threads, and allocate
 *   spawn     children are made by posix_spawn all the time, which waits as vfork does
 *   load      two threads load and unload argv[2] and argv[3] all the time
 *   signals   SIGPROF comes 1,000 times a second, on a stack of its own, while four threads
 * allocate earlier   blocks of every function that makes one, made before, are moved and freed
 *
 * It looks at whatever it does: "wrong=" says how often something was not as it should be.
 * "ready=" is its process id, "rounds=" how much it did.
 */
#define _GNU_SOURCE
#include "tally.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define CROWD 500
#define EARLIER 12

static _Atomic bool over;
static _Atomic unsigned wrong, rounds;
static char **arguments;

static void must(bool truth)
{
    if (!truth)
        atomic_fetch_add(&wrong, 1);
}

static void round_done(void)
{
    atomic_fetch_add(&rounds, 1);
}

NOINLINE static void allocate(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t size = 16 + i % 7 * 100;
        unsigned char *block = malloc(size);

        memset(block, (int)i, size);
        block = realloc(block, size * 3);
        must(block[0] == (unsigned char)i && block[size - 1] == (unsigned char)i);
        free(block);
    }
}

static void *one_of_many(void *unused)
{
    const struct timespec pause = {.tv_nsec = 20000000};

    while (!atomic_load(&over)) {
        allocate(3);
        must(nanosleep(&pause, NULL) == 0);
        round_done();
    }
    return unused;
}

static void *short_lived(void *number)
{
    allocate(20);
    return number;
}

static void *maker(void *unused)
{
    while (!atomic_load(&over)) {
        pthread_t threads[8];
        void *result;

        for (intptr_t i = 0; i < 8; i++)
            must(pthread_create(&threads[i], NULL, short_lived, (void *)i) == 0);
        for (intptr_t i = 0; i < 8; i++)
            must(pthread_join(threads[i], &result) == 0 && result == (void *)i);
        round_done();
    }
    return unused;
}

static void wait_for(pid_t pid, int wanted)
{
    int status;

    must(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == wanted);
    round_done();
}

static void *forker(void *unused)
{
    while (!atomic_load(&over)) {
        pid_t pid = fork();

        if (pid == 0) {
            allocate(50);
            _exit(7);
        }
        allocate(50);
        wait_for(pid, 7);
    }
    return unused;
}

static void *spawner(void *unused)
{
    char *argv[] = {(char *)"true", NULL}, *environment[] = {NULL};
    pid_t pid;

    while (!atomic_load(&over)) {
        must(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environment) == 0);
        allocate(50);
        wait_for(pid, 0);
    }
    return unused;
}

static void *loader(void *number)
{
    static const char *const names[] = {"one_plugin", "two_plugin"};
    intptr_t n = (intptr_t)number;

    while (!atomic_load(&over)) {
        void *library = dlopen(arguments[2 + n], RTLD_NOW);
        void (*work)(size_t) = library ? (void (*)(size_t))dlsym(library, names[n]) : NULL;

        must(work != NULL && dlsym(library, "no_such_symbol") == NULL && dlerror() != NULL);
        if (work)
            work(100);
        must(library && dlclose(library) == 0);
        round_done();
    }
    return NULL;
}

static volatile sig_atomic_t ticks;

static void tick(int signal, siginfo_t *info, void *context)
{
    int before = errno;
    volatile char room[8000];

    (void)info, (void)context;
    room[0] = room[sizeof(room) - 1] = (char)signal;
    ticks++;
    errno = before;
}

static void *interrupted(void *unused)
{
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    int looked;

    must(sigaltstack(&stack, NULL) == 0);
    while (!atomic_load(&over)) {
        errno = 1234;
        allocate(2000);
        looked = errno;
        must(looked == 1234);
        round_done();
    }
    stack.ss_flags = SS_DISABLE;
    must(sigaltstack(&stack, NULL) == 0);
    free(stack.ss_sp);
    return unused;
}

/* By each function that makes blocks; of 200 bytes, whose content is their number. */
static void *made(unsigned n)
{
    void *p = NULL;

    switch (n % 8) {
    case 0:
        p = malloc(200);
        break;
    case 1:
        p = calloc(20, 10);
        break;
    case 2:
        p = realloc(malloc(10), 200);
        break;
    case 3:
        p = memalign(256, 200);
        break;
    case 4:
        p = aligned_alloc(64, 256);
        break;
    case 5:
        must(posix_memalign(&p, 4096, 200) == 0);
        break;
    case 6:
        p = valloc(200);
        break;
    case 7:
        p = reallocarray(NULL, 20, 10);
        break;
    }
    memset(p, (int)n, 200);
    return p;
}

static bool holds(const unsigned char *p, unsigned n)
{
    for (unsigned i = 0; i < 200; i++)
        if (p[i] != (unsigned char)n)
            return false;
    return malloc_usable_size((void *)p) >= 200;
}

/* Each block lives for many rounds: one made before is moved and freed afterwards, or the reverse.
 */
static void *keeper(void *unused)
{
    const struct timespec pause = {.tv_nsec = 300000};
    unsigned char *kept[8 * EARLIER];

    for (unsigned i = 0; i < 8 * EARLIER; i++)
        kept[i] = made(i);
    for (unsigned i = 0; !atomic_load(&over); i = (i + 1) % (8 * EARLIER)) {
        must(holds(kept[i], i));
        if (i % 3 == 0) {
            kept[i] = realloc(kept[i], 100000);
            must(holds(kept[i], i));
        }
        free(kept[i]);
        kept[i] = made(i);
        nanosleep(&pause, NULL);
        round_done();
    }
    for (unsigned i = 0; i < 8 * EARLIER; i++)
        free(kept[i]);
    return unused;
}

#define MOMENT_MS 60
static int ends[2], other[2];

static bool read_one(void)
{
    char byte;

    return read(ends[0], &byte, 1) == 1;
}

static bool write_one(void)
{
    usleep(MOMENT_MS * 1000);
    return write(ends[1], "x", 1) == 1;
}

static bool selects(void)
{
    struct timeval t = {.tv_usec = MOMENT_MS * 1000};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(other[0], &set);
    return select(other[0] + 1, &set, NULL, NULL, &t) == 0;
}

static bool polls(void)
{
    struct pollfd p = {.fd = other[0], .events = POLLIN};
    struct timespec t = {.tv_nsec = MOMENT_MS * 1000000};

    return ppoll(&p, 1, &t, NULL) == 0;
}

static bool sleeps(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (t.tv_nsec + MOMENT_MS * 1000000) / 1000000000;
    t.tv_nsec = (t.tv_nsec + MOMENT_MS * 1000000) % 1000000000;
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0;
}

static bool waits_on_a_word(void)
{
    static uint32_t word;
    struct timespec t = {.tv_nsec = MOMENT_MS * 1000000};

    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0) == -1 &&
           errno == ETIMEDOUT;
}

static bool receives(void)
{
    struct timeval t = {.tv_usec = MOMENT_MS * 1000};
    char byte;

    return setsockopt(other[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) == 0 &&
           recv(other[0], &byte, 1, 0) == -1 && errno == EAGAIN;
}

static bool waits_for_a_signal(void)
{
    struct timespec t = {.tv_nsec = MOMENT_MS * 1000000};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &t) == -1 && errno == EAGAIN;
}

static bool waits_for_a_child(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        usleep(MOMENT_MS * 1000);
        _exit(7);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static bool (*const waits[])(void) = {
    write_one, read_one,           selects,          polls, sleeps, waits_on_a_word,
    receives,  waits_for_a_signal, waits_for_a_child};
#define WAITS (sizeof(waits) / sizeof(waits[0]))

static void *waiter(void *number)
{
    while (!atomic_load(&over)) {
        must(waits[(intptr_t)number]() || atomic_load(&over));
        allocate(10);
        round_done();
    }
    return NULL;
}

static bool open_ends(void)
{
    return pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0;
}

static const struct {
    const char *name;
    void *(*body)(void *);
    unsigned threads;
} ways[] = {
    {"crowd", one_of_many, CROWD}, {"churn", maker, 2},     {"fork", forker, 2},
    {"spawn", spawner, 2},         {"load", loader, 2},     {"signals", interrupted, 4},
    {"earlier", keeper, 2},        {"wait", waiter, WAITS},
};

static void begin_ticking(void)
{
    const struct itimerval often = {{.tv_usec = 1000}, {.tv_usec = 1000}};
    struct sigaction action = {.sa_sigaction = tick,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
}

int main(int argc, char **argv)
{
    static pthread_t threads[CROWD];
    unsigned way = 0, count;
    char byte;

    arguments = argv;
    while (argc < 2 || strcmp(ways[way].name, argv[1]) != 0)
        if (argc < 2 || ++way == sizeof(ways) / sizeof(ways[0]))
            return 2;
    if (strcmp(ways[way].name, "signals") == 0)
        begin_ticking();
    must(open_ends());
    for (count = 0; count < ways[way].threads; count++)
        if (pthread_create(&threads[count], NULL, ways[way].body, (void *)(intptr_t)count) != 0)
            break;
    must(count == ways[way].threads);
    say("ready", (uint64_t)getpid());
    must(read(0, &byte, 1) == 0);
    atomic_store(&over, true);
    must(write(ends[1], "x", 1) == 1); /* one may be waiting for it */
    while (count)
        pthread_join(threads[--count], NULL);
    say("wrong", atomic_load(&wrong));
    say("rounds", atomic_load(&rounds));
    return 0;
}
