// SPDX-License-Identifier: Apache-2.0
/*
 * What is to start and does not, with a FILE that the kernel does not execute.  Status 0: each
 * call failed as it does alone, or where it succeeded left errno as it was.
 *   place FILE [big]   executes FILE in its place; `big`: with an argument that is too large
 *   tree FILE [big]    the same; posix_spawn; a child of vfork and a forked one that end then;
 *                      and, of the 100 blocks of 100 bytes that there are, another forked one
 *                      frees 40 and makes 5 of 1000 after it could not execute it
 *   unheard FILE       place, and spawned, as user 65534, whom memprof does not hear;
 *                      3: it may not be that user
 *   forks              a forked child that calls nothing; then three forks that fail
 */
#define _GNU_SOURCE
#include "threads.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define BLOCKS 100
#define TOO_LARGE (200 << 10)

static void *kept[BLOCKS];
static char *argv_of[3];

NOINLINE static void take_all(void)
{
    for (int i = 0; i < BLOCKS; i++)
        kept[i] = malloc(100);
    KEEP(kept);
}

static int reap(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* What the kernel says of it without libc, which is what it is to say with memprof, too. */
static int expected_of(const char *path)
{
    pid_t pid = vfork();

    if (pid == 0) {
        syscall(SYS_execve, path, argv_of, environ);
        _exit(errno);
    }
    return WEXITSTATUS(reap(pid));
}

static int fails(const char *path, int expected)
{
    errno = 0;
    return execve(path, argv_of, environ) == -1 && errno == expected ? 0 : 1;
}

static int in_children(const char *path, int expected)
{
    int bad = 0;
    pid_t pid;

    bad |= posix_spawn(&pid, path, NULL, NULL, argv_of, environ) != expected;
    pid = vfork();
    if (pid == 0)
        _exit(fails(path, expected));
    bad |= reap(pid);
    pid = fork();
    if (pid == 0)
        _exit(fails(path, expected));
    bad |= reap(pid);
    pid = fork();
    if (pid == 0) {
        bad |= fails(path, expected);
        for (int i = 0; i < 40; i++)
            free(kept[i]);
        for (int i = 0; i < 5; i++)
            kept[i] = malloc(1000);
        KEEP(kept);
        exit(bad);
    }
    return bad | reap(pid);
}

static int by_file(const char *path, int in_tree, int big)
{
    static char large[TOO_LARGE];
    int expected;

    memset(large, 'x', sizeof(large) - 1);
    argv_of[0] = (char *)path;
    argv_of[1] = big ? large : NULL;
    expected = expected_of(path);
    if (expected == 0)
        return 3;
    return fails(path, expected) | (in_tree ? in_children(path, expected) : 0);
}

static int by_other_user(const char *path)
{
    pid_t pid;

    if (setresuid(65534, 65534, 65534) != 0)
        return 3;
    return by_file(path, 0, 0) | (posix_spawn(&pid, path, NULL, NULL, argv_of, environ) == 0);
}

static int by_fork(void)
{
    struct rlimit none = {0, 0};
    int bad = 0;
    pid_t pid;

    errno = EDOM;
    pid = fork();
    if (pid == 0)
        _exit(errno != EDOM);
    bad |= errno != EDOM;
    bad |= reap(pid);
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) /* root has no limit */
        return 3;
    if (setrlimit(RLIMIT_NPROC, &none) != 0)
        return 3;
    for (int i = 0; i < 3; i++) {
        errno = 0;
        pid = fork();
        if (pid == 0)
            _exit(0);
        bad |= pid != -1 || errno != EAGAIN;
    }
    return bad;
}

int main(int argc, char **argv)
{
    take_all();
    if (argc == 2 && strcmp(argv[1], "forks") == 0)
        return by_fork();
    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "unheard") == 0)
        return by_other_user(argv[2]);
    return by_file(argv[2], strcmp(argv[1], "tree") == 0, argc > 3);
}
