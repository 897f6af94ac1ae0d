// SPDX-License-Identifier: Apache-2.0
/*
 * Ends in the way that it is told, after it has allocated for a moment, and counts what it
 * does in a file that outlives it: before each call that it begins it, after it that it is
 * done.  What has happened lies between the two, and they are equal where no call was
 * interrupted.
 *
 *   counted FILE HOW [THREADS]   see the table at the end; THREADS allocate meanwhile
 *
 * FILE has 16 KiB for each image of the process: SLOTS slots, one a thread.
 */
#include "tally.h"

#include <csignal>
#include <exception>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>

#define SLOTS 128
#define BLOCK 48
#define GROWTH ((size_t)1 << 20)

struct slot {
    volatile uint64_t blocks_begun, blocks_done, bytes_begun, bytes_done, frees_begun, frees_done;
    uint64_t unused[10];
};

static slot *slots;
static long lives;
static char **arguments;

/* The functions whose stacks the numbers are held against. */
NOINLINE static void *counted(slot *s, size_t size)
{
    s->blocks_begun = s->blocks_begun + 1;
    s->bytes_begun = s->bytes_begun + size;
    void *p = malloc(size);
    if (p) {
        s->blocks_done = s->blocks_done + 1;
        s->bytes_done = s->bytes_done + size;
    }
    KEEP(p);
    return p;
}

static void give_back(slot *s, void *p)
{
    s->frees_begun = s->frees_begun + 1;
    free(p);
    s->frees_done = s->frees_done + 1;
}

/* One of three blocks stays. */
static void go_on(slot *s, long steps)
{
    for (long i = 0; i != steps; i++) {
        void *p = counted(s, BLOCK);

        if (i % 3)
            give_back(s, p);
    }
}

static void *for_ever(void *s)
{
    go_on((slot *)s, -1);
    return nullptr;
}

/*
 * To be cancelled anywhere: blocks of the thread's own cache in the C library, which takes
 * no lock that would stay behind.
 */
static void *until_cancelled(void *s)
{
    int old;

    free(malloc(BLOCK));
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    for (;;)
        give_back((slot *)s, counted((slot *)s, BLOCK));
}

static pthread_t start(void *(*run)(void *), slot *s)
{
    pthread_t t;

    if (pthread_create(&t, nullptr, run, s) != 0)
        _exit(98);
    return t;
}

/* ----------------------------------------------------------------- ends -- */

static void *exit_here(void *s)
{
    go_on((slot *)s, 1000);
    exit(7);
}

static void exit_in_handler(int)
{
    exit(7);
}

static void on_alarm(void (*handler)(int))
{
    struct itimerval soon = {{0, 0}, {0, 5000}};

    signal(SIGALRM, handler);
    setitimer(ITIMER_REAL, &soon, nullptr);
    go_on(&slots[0], -1);
}

static void grow(size_t room)
{
    struct rlimit limit = {room, room};
    void *p;

    if (room)
        setrlimit(RLIMIT_AS, &limit);
    while ((p = counted(&slots[0], GROWTH)))
        memset(p, 1, GROWTH);
    abort();
}

static void replace()
{
    char left[24];

    if (lives == 1)
        exit(7);
    snprintf(left, sizeof left, "again%ld", lives - 1);
    arguments[2] = left;
    execv("/proc/self/exe", arguments);
}

static void cancel()
{
    for (int i = 1; i < SLOTS - 8; i++) {
        pthread_t t = start(until_cancelled, &slots[i + 8]);

        usleep((useconds_t)(300 + i * 37 % 500));
        pthread_cancel(t);
        pthread_join(t, nullptr);
    }
    exit(7);
}

struct way {
    const char *name;
    void (*go)();
};

static const way ways[] = {
    {"return", [] {}},
    {"exit", [] { exit(7); }},
    {"_exit", [] { _exit(7); }},
    {"quick_exit", [] { quick_exit(7); }},
    {"abort", [] { abort(); }},
    {"throw", [] { throw 1; }},
    {"segv", [] { *(volatile int *)8 = 1; }},
    {"term", [] { kill(getpid(), SIGTERM); }},
    {"kill", [] { kill(getpid(), SIGKILL); }},
    {"term-inside", [] { on_alarm(SIG_DFL); }},
    {"exit-in-handler", [] { on_alarm(exit_in_handler); }},
    {"exit-in-thread", [] { pthread_join(start(exit_here, &slots[8]), nullptr); }},
    {"limit", [] { grow((size_t)3 << 30); }},
    {"grow", [] { grow(0); }},
    {"forever", [] { go_on(&slots[0], -1); }},
    {"cancel", cancel},
};

static void end(const char *how)
{
    if (sscanf(how, "again%ld", &lives) == 1)
        replace();
    for (const way &w : ways)
        if (!strcmp(w.name, how))
            w.go();
}

int main(int argc, char **argv)
{
    struct rlimit no_core = {0, 0};
    int fd = argc > 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    long image = 0;

    if (fd < 0)
        return 2;
    arguments = argv;
    setrlimit(RLIMIT_CORE, &no_core);
    if (sscanf(argv[2], "again%ld", &image) == 1)
        image--;
    slots = (slot *)mmap(nullptr, SLOTS * sizeof(slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                         image * (long)(SLOTS * sizeof(slot)));
    for (long i = 0; i < argument(argc, argv, 3, 0); i++)
        start(for_ever, &slots[1 + i]);
    go_on(&slots[0], 3000);
    end(argv[2]);
    return 7;
}
