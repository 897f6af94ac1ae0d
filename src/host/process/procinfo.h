/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc and the kernel tell about a running process and its threads.
 * Nothing here fails loudly: a process may be gone at any moment.
 */
#ifndef MEMPROF_HOST_PROCINFO_H
#define MEMPROF_HOST_PROCINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A descriptor for procinfo_rss, or -1. */
int procinfo_open_rss(pid_t pid);

/* Resident set in bytes, 0 when it cannot be read (any more). */
uint64_t procinfo_rss(int fd);

/* Anonymous memory that it has resident, in bytes; 0 when that cannot be read (any more). */
uint64_t procinfo_anonymous(pid_t pid);

/* A thread's name, NUL-terminated; "" when it is gone.  `size` at least 1. */
void procinfo_thread_name(pid_t pid, pid_t tid, char *name, size_t size);

/* Whether the thread certainly has ended. */
bool procinfo_thread_gone(pid_t pid, pid_t tid);

/*
 * When the process began, in clock ticks since the system did: with the process
 * id it names a process for as long as the system runs.  0: there is none, or it has
 * ended and only its parent has not noticed.
 */
uint64_t procinfo_start_ticks(pid_t pid);

/*
 * Whether that process (start_ticks as above, taken while it ran) has ended and its parent has
 * not noticed yet; then `status` is what waitpid will give it.
 */
bool procinfo_ended(pid_t pid, uint64_t start_ticks, int *status);

/*
 * A number of /proc/PID/status, of a process or a thread: "Seccomp", "TracerPid"; in that base.
 * 0: it is gone, or has none of that name.
 */
uint64_t procinfo_status(pid_t pid, const char *name, int base);

/* Whether it is one of the kernel's own threads, which have no memory. */
bool procinfo_is_kernel_thread(pid_t pid);

/* Which file the process executes, as long as it does.  false: cannot be told. */
struct procinfo_file {
    dev_t device;
    ino_t inode;
};
bool procinfo_file(pid_t pid, struct procinfo_file *file);

/* The path of what the process executes; "" when unknown.  Without " (deleted)". */
void procinfo_executable(pid_t pid, char *path, size_t size);

/* The arguments, each NUL-terminated, one after the other; the bytes read, at most `size`. */
size_t procinfo_arguments(pid_t pid, char *arguments, size_t size);

/*
 * What a process is called: the last part of its first argument; of a title that it put there,
 * as in "nginx: master process /usr/sbin/nginx", what is before the first path; and where that is
 * nothing the last part of its executable's path.  Cut to `size`.
 */
void procinfo_name(char *name, size_t size, const char *first, const char *executable);

/*
 * Whether every processor's time-stamp counter runs at one constant rate and in
 * step, by the kernel's own judgement.
 */
bool procinfo_tsc_reliable(void);

#endif
