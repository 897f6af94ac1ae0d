// SPDX-License-Identifier: Apache-2.0
/*
 * A program that is searched for leaks while it runs.  It prints its process id, waits
 * for a line on its standard input after each step, and ends by itself:
 *   search-asked check        asks for a search itself, loses more, asks again
 *   search-asked killed       asks for one, and is killed
 *   search-asked suppressed   brings a suppression for LeakSanitizer along
 *   search-asked wait N       has lost 3 blocks of 100 bytes; N blocks are held in a list
 *   search-asked churn        the same, and 8 threads that end all the time and whose blocks
 *                             are all freed
 *   search-asked remap        the same, and 4 threads that map, unmap and protect memory all the
 *                             time, and hold a block each by what they map alone
 */
#include "leaks.h"

#include "memprof.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define THREADS 8

static void **held;
static _Atomic int stop;

NOINLINE static void lose(int count)
{
    while (count--)
        make_block(100);
    forget();
}

/* As LeakSanitizer would call it; no dynamic symbol of the program. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:lose_quietly\n";
}

NOINLINE static void lose_quietly(void)
{
    make_block(70);
    forget();
}

static void state(const char *key, unsigned long long value)
{
    char line[64];

    put(line, (size_t)snprintf(line, sizeof(line), "%s=%llu\n", key, value));
}

static void wait_for_line(void)
{
    char c = 0;

    while (read(0, &c, 1) == 1 && c != '\n')
        ;
}

static void check(const char *key)
{
    size_t bytes, blocks;

    if (memprof_leak_check(&bytes, &blocks) != 0)
        bytes = blocks = 999;
    state(key, blocks * 1000 + bytes);
}

static void hold(unsigned long count)
{
    while (count--) {
        void **node = malloc(64);

        memset(node, 0, 64);
        *node = held;
        held = node;
    }
    forget();
}

/* Each has a few blocks at a time, and checks that they keep what it wrote. */
static void *come_and_go(void *seed)
{
    unsigned char *blocks[16] = {0};
    unsigned at = (unsigned)(uintptr_t)seed;

    for (int i = 0; i < 400; i++, at = at * 1103515245 + 12345) {
        unsigned char **slot = &blocks[at >> 16 & 15];

        if (*slot && (*slot)[0] != (unsigned char)(uintptr_t)slot)
            abort();
        free(*slot);
        *slot = malloc(16 + (at >> 20 & 1023));
        (*slot)[0] = (unsigned char)(uintptr_t)slot;
    }
    for (int i = 0; i < 16; i++)
        free(blocks[i]);
    return NULL;
}

/* The block is always held by a page of some mapping, and is checked to be as it was. */
static void *remap(void *seed)
{
    size_t size = (size_t)4 << 20, page = 4096;
    void *last = MAP_FAILED;

    while (!atomic_load(&stop)) {
        char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        void **place = (void **)(map + size / 2);

        if (map == MAP_FAILED)
            abort();
        place[0] = last == MAP_FAILED ? malloc(64) : ((void **)((char *)last + size / 2))[0];
        *(uintptr_t *)place[0] = (uintptr_t)seed;
        mprotect(map, page, PROT_NONE);
        memset(map + 16 * page, 1, 64 * page);
        mprotect(map + 16 * page, 8 * page, PROT_NONE);
        if (last != MAP_FAILED && munmap(last, size) != 0)
            abort();
        if (*(uintptr_t *)place[0] != (uintptr_t)seed)
            abort();
        last = map;
    }
    free(((void **)((char *)last + size / 2))[0]);
    return NULL;
}

static void *keep_coming(void *seed)
{
    while (!atomic_load(&stop)) {
        pthread_t one;

        if (pthread_create(&one, NULL, come_and_go, seed) != 0)
            abort();
        pthread_join(one, NULL);
    }
    return NULL;
}

static void run_threads(int count, void *(*run)(void *))
{
    pthread_t threads[THREADS];

    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)(i + 1)) != 0)
            abort();
    state("pid", (unsigned long long)getpid());
    wait_for_line();
    atomic_store(&stop, 1);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    lose(3);
    if (strcmp(what, "suppressed") == 0) {
        lose_quietly();
    } else if (strcmp(what, "churn") == 0) {
        run_threads(THREADS, keep_coming);
    } else if (strcmp(what, "remap") == 0) {
        run_threads(THREADS / 2, remap);
    } else if (strcmp(what, "wait") == 0) {
        hold(argc > 2 ? strtoul(argv[2], NULL, 10) : 0);
        state("pid", (unsigned long long)getpid());
        wait_for_line();
    } else {
        check("first");
        lose(2);
        if (strcmp(what, "killed") == 0)
            raise(SIGKILL);
        check("second");
    }
    return 0;
}
