/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overhead FRAMES THREADS BLOCKS: allocates from stacks that deep, on that many more threads,
 * and keeps that many blocks; then states what private anonymous memory it has by
 * /proc/self/maps, what memprof says of itself, and what /proc says of memprof.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <memprof.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[1 << 20];
static pthread_barrier_t barrier;

static void slurp(const char *path)
{
    int file = open(path, O_RDONLY);
    ssize_t got;
    size_t had = 0;

    while (file >= 0 && (got = read(file, text + had, sizeof text - 1 - had)) > 0)
        had += (size_t)got;
    text[had] = '\0';
    close(file);
}

/* Bytes of private mappings: anonymous ones, and those of memprof's library that are written. */
static uint64_t private_bytes(void)
{
    uint64_t sum = 0, start, end;
    char permissions[5], path[512];

    slurp("/proc/self/maps");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        path[0] = '\0';
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %511s", &start, &end, permissions,
                   path) < 3)
            continue;
        if (permissions[3] == 'p' &&
            (!path[0] || (strstr(path, "libmemprof") && permissions[1] == 'w')))
            sum += end - start;
    }
    return sum;
}

/* What the memory has that memprof shares with this process, by the descriptor that it keeps. */
static uint64_t shared_bytes(void)
{
    char path[64], to[64];
    struct stat st;

    for (int i = 3; i < 64; i++) {
        ssize_t length;

        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), i);
        length = readlink(path, to, sizeof to - 1);
        to[length > 0 ? length : 0] = '\0';
        if (strncmp(to, "/memfd:memprof", 14) == 0 && stat(path, &st) == 0)
            return (uint64_t)st.st_blocks * 512;
    }
    return 0;
}

/* Resident anonymous memory of the process that runs this one. */
static uint64_t parent_bytes(void)
{
    char path[64];
    const char *found;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)getppid());
    slurp(path);
    found = strstr(text, "Anonymous:");
    return found ? strtoull(found + 10, NULL, 10) * 1024 : 0;
}

__attribute__((noinline)) static void descend(unsigned long frames)
{
    void *volatile block;

    if (frames) {
        descend(frames - 1);
        __asm__ volatile("");
        return;
    }
    block = malloc(24);
    free(block);
}

static void *thread(void *frames)
{
    descend((unsigned long)(uintptr_t)frames);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned long frames = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned long blocks = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    static pthread_t ids[1024];
    static void *kept[1 << 20];
    size_t target = 0, host = 0;
    uint64_t ours, shared, outside;
    int tries = 1000;

    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    descend(frames);
    for (unsigned long i = 0; i < blocks && i < sizeof kept / sizeof *kept; i++)
        kept[i] = malloc(24);
    for (unsigned long i = 0; i < threads && i < 1024; i++)
        pthread_create(&ids[i], NULL, thread, (void *)(uintptr_t)frames);
    if (threads)
        pthread_barrier_wait(&barrier);
    /* memprof still takes what was done, and reads names meanwhile */
    do {
        shared = shared_bytes();
        outside = parent_bytes();
        memprof_get_overhead(&target, &host);
    } while (tries-- && (shared != shared_bytes() || outside != parent_bytes()));
    ours = private_bytes();
    if (threads)
        pthread_barrier_wait(&barrier);
    for (unsigned long i = 0; i < threads && i < 1024; i++)
        pthread_join(ids[i], NULL);
    printf("private=%" PRIu64 "\nshared=%" PRIu64 "\ntarget=%zu\nhost=%zu\noutside=%" PRIu64 "\n",
           ours, shared, target, host, outside);
    return kept[0] == (void *)1;
}
