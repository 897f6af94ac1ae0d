/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next definition of each function we stand in front of: the C library's,
 * or that of another allocator that is preloaded behind us or linked in.
 */
#ifndef MEMPROF_PRELOAD_REAL_H
#define MEMPROF_PRELOAD_REAL_H

#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct real {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    size_t (*malloc_usable_size)(void *);
    void (*free_sized)(void *, size_t);                 /* C23; may be NULL */
    void (*free_aligned_sized)(void *, size_t, size_t); /* C23; may be NULL */
    void (*cfree)(void *);                              /* before glibc 2.26; may be NULL */
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    int (*munmap)(void *, size_t);
    void *(*mremap)(void *, size_t, size_t, int, ...);
    int (*brk)(void *);
    void *(*sbrk)(intptr_t);
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*execveat)(int, const char *, char *const[], char *const[], int); /* may be NULL */
    int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const[], char *const[]);
    int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                        const posix_spawnattr_t *, char *const[], char *const[]);
    int (*system)(const char *);
    FILE *(*popen)(const char *, const char *);
    int (*sigaction)(int, const struct sigaction *, struct sigaction *);
    void (*(*signal)(int, void (*)(int)))(int);
    void (*(*__sysv_signal)(int, void (*)(int)))(int);
    void (*(*sigset)(int, void (*)(int)))(int);
    int (*siginterrupt)(int, int);
    void (*_exit)(int);
    void (*exit_process)(int); /* exit, quick_exit, abort: banned.h poisons their names */
    void (*abort_process)(void);
    void (*quick_exit_process)(int);
};

extern struct real real;

/*
 * Look all of them up.  Calls dlsym, which allocates through our own entry
 * points: they must be serving from the bootstrap heap.  false: there is no
 * allocator to pass calls on to.
 */
bool real_find(void);

/*
 * The same for the functions that the program uses without us, wherever we were loaded: see
 * firstsymbol_find.  Allocates nothing.
 */
bool real_find_first(void);

#endif
